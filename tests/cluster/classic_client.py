"""A classic client by another implementation of gRPC, written from the contract alone.

    classic_client.py PROTO PACKAGE ADDRESS [stay]

PROTO is the contract, PACKAGE the package to speak it under. ADDRESS is the router, where each user
logs in to learn which server to talk to; with `stay` it is a server, and is never left.

Reads lines `USER VERB [TEXT]` and answers each with one line; what comes on a timeline is printed as
it comes: `USER got AUTHOR TEXT`, and at its end `USER ended STATUS`.
"""

import importlib
import pathlib
import queue
import sys
import tempfile
import threading

import grpc
from grpc_tools import protoc

PROTO, PACKAGE, ADDRESS = sys.argv[1:4]
STAYS = "stay" in sys.argv[4:]


def contract():
    """Compiles the contract under the requested package."""
    folder = pathlib.Path(tempfile.mkdtemp())
    text = pathlib.Path(PROTO).read_text(encoding="utf-8").replace("csce662", PACKAGE)
    (folder / "sns.proto").write_text(text, encoding="utf-8")
    well_known = pathlib.Path(protoc.__file__).parent / "_proto"
    failed = protoc.main(
        ["", f"-I{folder}", f"-I{well_known}", f"--python_out={folder}", f"--grpc_python_out={folder}",
         "sns.proto"]
    )
    assert not failed, "the contract compiles"
    sys.path.insert(0, str(folder))
    return importlib.import_module("sns_pb2"), importlib.import_module("sns_pb2_grpc")


MESSAGES, SERVICES = contract()
PRINTING = threading.Lock()


def say(*words):
    with PRINTING:
        print(*words, flush=True)


def dial(address):
    return SERVICES.SNSServiceStub(grpc.insecure_channel(address))


class User:
    """One user, who does what the classic client does."""

    def __init__(self, name):
        self.name = name
        self.server = dial(ADDRESS) if STAYS else None
        self.address = ADDRESS
        self.posts = None

    def login(self, _):
        if STAYS:
            return self.server.Login(MESSAGES.Request(username=self.name)).msg
        reply = dial(ADDRESS).Login(MESSAGES.Request(username=self.name))
        return self.settle(reply)

    def settle(self, reply):
        """Calls the server that the router named, and reports it if it has crashed."""
        while True:
            self.address = f"{reply.hostname}:{reply.port}"
            self.server = dial(self.address)
            try:
                return self.server.Login(MESSAGES.Request(username=self.name)).msg
            except grpc.RpcError:
                crash = MESSAGES.Regmessage(hostname=reply.hostname, port=reply.port)
                reply = dial(ADDRESS).ReportCrash(crash)

    def call(self, method, arguments=()):
        """On an error of any kind, a classic client reconnects and repeats the call."""
        while True:
            request = MESSAGES.Request(username=self.name, arguments=arguments)
            try:
                return getattr(self.server, method)(request)
            except grpc.RpcError:
                if STAYS:
                    raise
                self.login("")

    def list(self, _):
        reply = self.call("List")
        return f"all={','.join(reply.all_users)} followers={','.join(reply.followers)}"

    def follow(self, name):
        return self.call("Follow", [name]).msg

    def unfollow(self, name):
        return self.call("UnFollow", [name]).msg

    def crash(self, claimed):
        host, port = claimed.rsplit(":", 1)
        reply = dial(ADDRESS).ReportCrash(MESSAGES.Regmessage(hostname=host, port=port))
        return f"{reply.hostname}:{reply.port}"

    def where(self, _):
        return self.address

    def timeline(self, _):
        self.posts = queue.Queue()
        self.posts.put(MESSAGES.Message(username=self.name, msg="Set Stream"))
        stream = self.server.Timeline(iter(self.posts.get, None))
        threading.Thread(target=self.read, args=(stream,), daemon=True).start()
        return "open"

    def read(self, stream):
        try:
            for message in stream:
                assert message.msg.endswith("\n"), message
                assert message.username.startswith("*") or message.timestamp.seconds > 0, message
                say(self.name, "got", message.username, message.msg.rstrip("\n"))
            say(self.name, "ended OK")
        except grpc.RpcError as error:
            say(self.name, "ended", error.code().name)

    def post(self, text):
        self.posts.put(MESSAGES.Message(username=self.name, msg=text + "\n"))
        return text

    def done(self, _):
        """Sends nothing more, but still listens."""
        self.posts.put(None)
        return "done"


def main():
    users = {}
    say("ready")
    for line in sys.stdin:
        name, verb, *text = line.rstrip("\n").split(" ", 2)
        user = users.setdefault(name, User(name))
        try:
            outcome = getattr(user, verb)(text[0] if text else "")
        except grpc.RpcError as error:
            outcome = f"{error.code().name}: {error.details()}"
        say(name, verb, outcome)


main()
