"""Apps of Mastodon use a network: the libraries Mastodon.py and toot, unmodified, and the requests of Tusky, Phanpy and
Elk in the order in which they make them.

    mastodon_story.py BASE

Ann and bob have accounts. Where a line says "crash", the available server is killed meanwhile: the script prints it,
goes on at once, and reads a line when that is done.
"""

import base64
import concurrent.futures
import hashlib
import html
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from urllib.parse import parse_qs, urlsplit

import requests
from mastodon import Mastodon, MastodonError
from PIL import Image

from mastodon_entities import check

BASE = sys.argv[1]
PASSWORD = "correct horse battery"
OOB = "urn:ietf:wg:oauth:2.0:oob"


def crash():
    print("crash", flush=True)
    assert sys.stdin.readline().strip() == "crashed"


def told(what):
    print(what, flush=True)


def decide(url, name, decision="allow", password=PASSWORD):
    """What somebody does who sees the page at this address: the answer to their form."""
    page = requests.get(url, timeout=30)
    assert page.status_code == 200, (page.status_code, page.text)
    assert "<script" not in page.text
    fields = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page.text)
    form = {html.unescape(name): html.unescape(value) for name, value in fields}
    form |= {"username": name, "password": password, "decision": decision}
    return requests.post(BASE + "/oauth/authorize", data=form, allow_redirects=False, timeout=30)


def code_shown(answer):
    assert answer.status_code == 200, (answer.status_code, answer.text)
    return re.search(r'<code class="code">([^<]+)</code>', answer.text).group(1)


class App:
    """An app as it is on the wire."""

    def __init__(self, token=None):
        self.token = token

    def asks(self, kind, method, path, status=200, headers=None, **more):
        headers = dict(headers or {})
        if self.token:
            headers["Authorization"] = "Bearer " + self.token
        answer = requests.request(method, BASE + path, headers=headers, timeout=60, **more)
        where = f"{method} {path}"
        assert answer.status_code == status, (where, answer.status_code, answer.text)
        assert answer.headers["Content-Type"] == "application/json; charset=utf-8", where
        assert answer.headers["Access-Control-Allow-Origin"] == "*", where
        self.headers = answer.headers
        return check(kind, answer.json(), where) if kind else answer.json()

    def get(self, kind, path, **more):
        return self.asks(kind, "GET", path, **more)

    def post(self, kind, path, **more):
        return self.asks(kind, "POST", path, **more)


def mastodon_py(name):
    """The library logs in with a code that is shown, and does what scripts do."""
    with tempfile.TemporaryDirectory() as folder:
        secrets = os.path.join(folder, "secrets")
        Mastodon.create_app("a script", api_base_url=BASE, to_file=secrets)
        client = Mastodon(client_id=secrets, api_base_url=BASE)
        url = client.auth_request_url(allow_http=True)
        token = client.log_in(code=code_shown(decide(url, name)), allow_http=True)
        assert token
    assert client.me().username == name
    return client


def story_of_mastodon_py():
    ann, bob = mastodon_py("ann"), mastodon_py("bob")
    bobs_id, anns_id = bob.me().id, ann.me().id
    ann.account_follow(bobs_id)
    assert ann.account_relationships(bobs_id)[0].following
    post = bob.status_post("Hello @ann, I like #Cats\n\nhttps://www.example.org/", spoiler_text="cats", language="en",
                           idempotency_key="one")
    again = bob.status_post("Hello @ann, I like #Cats\n\nhttps://www.example.org/", spoiler_text="cats", language="en",
                            idempotency_key="one")
    assert again.id == post.id, "a repetition is the same post"
    assert post.mentions[0].id == anns_id and post.tags[0].name == "cats" and post.language == "en"
    assert ann.timeline_home()[0].id == post.id
    assert ann.timeline_hashtag("cats")[0].id == post.id
    assert ann.timeline_local()[0].id == post.id
    ann.status_favourite(post.id)
    crash()
    boost = ann.status_reblog(post.id)
    assert boost.reblog.id == post.id and boost.id != post.id
    ann.status_bookmark(post.id)
    assert ann.bookmarks()[0].id == post.id and ann.favourites()[0].id == post.id
    reply = ann.status_reply(post, "So do I")
    assert reply.in_reply_to_id == post.id and reply.in_reply_to_account_id == bobs_id
    context = bob.status_context(post.id)
    assert [one.id for one in context.descendants] == [reply.id]
    kinds = {one.type for one in bob.notifications()}
    assert kinds == {"follow", "favourite", "reblog", "mention"}, kinds
    assert bob.notifications(types=["favourite"])[0].account.id == anns_id
    assert [one.id for one in bob.status_favourited_by(post.id)] == [anns_id]
    assert [one.id for one in bob.status_reblogged_by(post.id)] == [anns_id]
    bob.status_update(post.id, "I like #dogs, too")
    assert len(bob.status_history(post.id)) == 2 and bob.status_source(post.id).text == "I like #dogs, too"
    assert ann.status(post.id).edited_at is not None
    ann.status_unreblog(post.id)
    ann.status_unfavourite(post.id)
    after = ann.status(post.id)
    assert (after.reblogs_count, after.favourites_count, after.replies_count) == (0, 0, 1)
    profile = bob.account_update_credentials(display_name="Bob", note="I bark", fields=[("web", "https://bob.example")],
                                             locked=True)
    assert (profile.display_name, profile.locked, profile.fields[0].name) == ("Bob", True, "web")
    assert ann.account_search("bo")[0].id == bobs_id and ann.account_lookup("bob").id == bobs_id
    assert ann.search("dogs").hashtags[0].name == "dogs"
    mine = ann.list_create("friends")
    ann.list_accounts_add(mine.id, [bobs_id])
    assert ann.timeline_list(mine.id)[0].id == post.id and ann.list_accounts(mine.id)[0].id == bobs_id
    ann.list_delete(mine.id)
    ann.tag_follow("dogs")
    assert ann.followed_tags()[0].name == "dogs"
    hidden = ann.create_filter_v2("no barking", ["home", "public"], "hide", keywords_attributes=[{"keyword": "dogs"}])
    assert ann.status(post.id).id == post.id and ann.timeline_home()[0].filtered == []
    ann.delete_filter_v2(hidden.id)
    crash()
    ann.account_mute(bobs_id, notifications=False)
    assert ann.mutes()[0].id == bobs_id and not ann.timeline_home(min_id=reply.id)
    ann.account_unmute(bobs_id)
    ann.account_block(bobs_id)
    assert ann.blocks()[0].id == bobs_id and not ann.account_relationships(bobs_id)[0].following
    ann.account_unblock(bobs_id)
    ann.account_follow(bobs_id)
    assert ann.account_relationships(bobs_id)[0].requested, "bob is asked first"
    bob.follow_request_authorize(anns_id)
    assert [one.id for one in bob.account_followers(bobs_id)] == [anns_id]
    assert ann.report(bobs_id, status_ids=[post.id], comment="barks").id
    assert ann.instance().domain and ann.preferences()["posting:default:visibility"] == "public"
    ann.markers_set(["home"], [post.id])
    assert ann.markers_get(["home"])["home"].last_read_id == post.id
    numbers = [bob.status_post(f"post {number}").id for number in range(45)]
    read, page = [], ann.timeline_home(limit=20)
    while page:
        read += [one.id for one in page]
        page = ann.fetch_next(page)
    assert read[:45] == numbers[::-1], "each once, the newest first"
    bob.status_delete(numbers[0])
    assert ann.timeline_home(min_id=numbers[0], limit=2)[-1].id == numbers[1]
    told("Mastodon.py is content")


def toot(folder, *words, said=None):
    environment = os.environ | {"XDG_CONFIG_HOME": folder}
    command = [os.path.join(os.path.dirname(sys.executable), "toot"), "--no-color", *words]
    done = subprocess.run(command, env=environment, input=said, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout


def toot_logs_in(folder, name):
    """It shows an address, and takes the code that whoever goes there is shown."""
    environment = os.environ | {"XDG_CONFIG_HOME": folder}
    command = [os.path.join(os.path.dirname(sys.executable), "toot"), "--no-color", "login", "--instance", BASE]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        while not (line := process.stdout.readline()).startswith(BASE):
            assert line, "it has ended"
        code = code_shown(decide(line.strip(), name))
        rest, _ = process.communicate(f"n\n{code}\n", timeout=60)
        assert process.returncode == 0 and "Successfully logged in" in rest, rest


def story_of_toot():
    with tempfile.TemporaryDirectory() as folder:
        toot_logs_in(folder, "ann")
        assert "@ann" in toot(folder, "whoami")
        toot(folder, "post", "by toot", "--spoiler-text", "secret")
        shown = os.path.join(folder, "shown.jpg")
        with open(shown, "wb") as file:
            file.write(photograph(width=320, height=240))
        toot(folder, "post", "a picture by toot", "--media", shown, "--description", "Noise")
        crash()
        assert "by toot" in toot(folder, "timelines", "account", "ann", "--limit", "5")
        home = toot(folder, "timeline", "--count", "5", "--once")
        assert "by toot" in home, home
        toot(folder, "following")
        toot(folder, "notifications")
        assert "bob" in toot(folder, "search", "bob")
        toot(folder, "mute", "bob")
        toot(folder, "unmute", "bob")
        assert toot(folder, "instance")
    told("toot is content")


def registered(app, redirect_uri, scopes="read write follow push", in_json=False, website=None):
    body = {"client_name": app, "redirect_uris": redirect_uri, "scopes": scopes, "website": website or "https://x.example"}
    how = {"json": body} if in_json else {"data": body}
    return App().post("CredentialApplication", "/api/v1/apps", **how)


def let_in(app, redirect_uri, name, in_json=False, pkce=False, scope="read write follow push"):
    """The whole way of an app to its token."""
    made = registered(app, redirect_uri, in_json=in_json)
    verifier = base64.urlsafe_b64encode(os.urandom(48)).decode().rstrip("=")
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    asked = {"response_type": "code", "client_id": made["client_id"], "redirect_uri": redirect_uri, "scope": scope,
             "state": "a state & more"}
    if pkce:
        asked |= {"code_challenge": challenge, "code_challenge_method": "S256"}
    url = requests.Request("GET", BASE + "/oauth/authorize", params=asked).prepare().url
    refused = decide(url, name, password="wrong")
    assert refused.status_code == 403 and "nobody of that name with that password" in refused.text, refused.text
    denied = decide(url, name, decision="deny")
    assert denied.status_code == 302 and "error=access_denied" in denied.headers["Location"]
    led = decide(url, name)
    assert led.status_code == 302, led.text
    assert led.headers["Location"].startswith(redirect_uri), led.headers["Location"]
    answer = parse_qs(urlsplit(led.headers["Location"]).query)
    assert answer["state"] == ["a state & more"]
    wanted = {"grant_type": "authorization_code", "client_id": made["client_id"], "client_secret": made["client_secret"],
              "redirect_uri": redirect_uri, "code": answer["code"][0]}
    if pkce:
        App().post("Error", "/oauth/token", status=400, data=wanted | {"code_verifier": "x" * 43})
        led = decide(url, name)
        wanted["code"] = parse_qs(urlsplit(led.headers["Location"]).query)["code"][0]
        wanted["code_verifier"] = verifier
    token = App().post("Token", "/oauth/token", **({"json": wanted} if in_json else {"data": wanted}))
    assert token["scope"] == scope
    return made, wanted, App(token["access_token"])


def story_of_tusky():
    """Log-in and first screens (com/keylesspalace/tusky: LoginActivity, MainViewModel, TimelineViewModel)."""
    redirect = "oauth2redirect://com.keylesspalace.tusky/"
    _, _, app = let_in("Tusky", redirect, "ann")
    App().get("Instance", "/api/v2/instance")
    me = app.get("Account", "/api/v1/accounts/verify_credentials")
    app.get("[Announcement]", "/api/v1/announcements?with_dismissed=false")
    app.get("[Filter]", "/api/v2/filters")
    app.get("[Emoji]", "/api/v1/custom_emojis")
    crash()
    page = app.get("[Status]", "/api/v1/timelines/home?limit=30")
    newest = page[0]["id"]
    link = app.headers["Link"]
    assert link.startswith(f"<{BASE}/api/v1/timelines/home?limit=30&max_id={page[-1]['id']}>; rel=\"next\", "), link
    app.get("[Status]", f"/api/v1/timelines/home?min_id={newest}&limit=30")
    assert "Link" not in app.headers, "an empty page has no neighbours"
    app.get("NotificationPolicy", "/api/v2/notifications/policy")
    app.get("[Notification]", "/api/v1/notifications?limit=30&exclude_types%5B%5D=poll")
    app.get("Markers", "/api/v1/markers?timeline[]=notifications")
    app.post("Markers", "/api/v1/markers", data={"notifications[last_read_id]": "5"})
    path = "/api/v1/notifications?min_id=0&limit=30"
    seen = []
    while path:
        seen += [one["id"] for one in app.get("[Notification]", path)]
        before = re.search(r'<([^>]+)>; rel="prev"', app.headers.get("Link", ""))
        path = before.group(1)[len(BASE):] if before else None
    assert len(seen) == len(set(seen)), "each once, to the end"
    draft = {"status": "by Tusky", "visibility": "private", "media_ids": [], "sensitive": False, "media_attributes": []}
    post = app.post("Status", "/api/v1/statuses", json=draft, headers={"Idempotency-Key": "t1"})
    assert post["visibility"] == "private"
    app.asks("Status", "PUT", f"/api/v1/statuses/{post['id']}", json=draft | {"status": "by Tusky, changed"})
    deleted = app.asks("Status", "DELETE", f"/api/v1/statuses/{post['id']}")
    assert deleted["text"] == "by Tusky, changed"
    app.get("Error", f"/api/v1/statuses/{post['id']}", status=404)
    app.get("[Relationship]", f"/api/v1/accounts/relationships?id[]={me['id']}")
    told("Tusky is content")


def story_of_phanpy():
    """Log-in and first screens (cheeaun/phanpy: utils/auth.js, utils/api.js, components/notifications)."""
    origin = {"Origin": "https://phanpy.social"}
    asked = requests.options(BASE + "/oauth/token", headers=origin | {"Access-Control-Request-Method": "POST"}, timeout=30)
    assert asked.status_code == 200 and "Idempotency-Key" in asked.headers["Access-Control-Allow-Headers"]
    metadata = App().get(None, "/.well-known/oauth-authorization-server")
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    _, _, app = let_in("Phanpy", "https://phanpy.social/", "bob", pkce=True)
    app.get("Preferences", "/api/v1/preferences")
    instance = App().get("Instance", "/api/v2/instance")
    assert instance["api_versions"]["mastodon"] >= 2 and instance["configuration"]["urls"]["streaming"].startswith("ws")
    links = App().get(None, "/.well-known/nodeinfo")["links"]
    assert requests.get(links[0]["href"], timeout=30).json()["software"]["name"] == "tinysns"
    app.get("Account", "/api/v1/accounts/verify_credentials")
    crash()
    app.get("[Status]", "/api/v1/timelines/home?limit=20")
    app.get("[Tag]", "/api/v1/followed_tags?limit=200")
    app.get("[List]", "/api/v1/lists")
    app.get("[Account]", "/api/v1/mutes")
    app.get("[Account]", "/api/v1/blocks")
    groups = app.get("GroupedNotifications", "/api/v2/notifications?limit=80&grouped_types[]=favourite&grouped_types[]=reblog")
    accounts = {one["id"] for one in groups["accounts"]}
    assert all(set(one["sample_account_ids"]) <= accounts for one in groups["notification_groups"])
    app.get("[Notification]", "/api/v1/notifications?types[]=mention&limit=20")
    app.get("[Account]", "/api/v1/follow_requests?limit=1")
    app.get("[Status]", "/api/v1/trends/statuses")
    app.get("[Status]", "/api/v1/timelines/public?local=true")
    post = app.post("Status", "/api/v1/statuses", json={"status": "by Phanpy #phanpy"}, headers={"Idempotency-Key": "p1"})
    parent = app.post("Status", "/api/v1/statuses", json={"status": "and more", "in_reply_to_id": post["id"]})
    app.get("Context", f"/api/v1/statuses/{parent['id']}/context")
    app.post("Status", f"/api/v1/statuses/{post['id']}/pin")
    me = app.get("Account", "/api/v1/accounts/verify_credentials")
    pinned = app.get("[Status]", f"/api/v1/accounts/{me['id']}/statuses?pinned=true")
    assert [one["id"] for one in pinned] == [post["id"]]
    app.get("Search", "/api/v2/search?q=phanpy&type=hashtags&limit=5")
    app.get("[Account]", f"/api/v1/accounts/{me['id']}/followers?limit=80")
    told("Phanpy is content")


def story_of_elk():
    """Log-in and first screens (elk-zone/elk: server/api, composables/users, masto)."""
    redirect = "https://elk.zone/api/sns.example/oauth/https%3A%2F%2Felk.zone"
    _, _, app = let_in("Elk", redirect, "bob", in_json=True)
    App().get("Instance", "/api/v2/instance")
    App().get(None, "/nodeinfo/2.0")
    app.get("Account", "/api/v1/accounts/verify_credentials")
    app.get("Preferences", "/api/v1/preferences")
    app.get("Error", "/api/v1/push/subscription", status=404)
    app.get("[Status]", "/api/v1/timelines/home?limit=30")
    app.get("[Tag]", "/api/v1/followed_tags")
    markers = app.get("Markers", "/api/v1/markers?timeline[]=notifications")
    assert "notifications" in markers
    app.get("[Notification]", "/api/v1/notifications?limit=30")
    told("Elk is content")


def story_of_thieves():
    """What must not work."""
    made, wanted, app = let_in("A thief", "thief:/back", "ann", scope="read")
    # A code works once, and whoever tries it again ends what came of it.
    app.get("Account", "/api/v1/accounts/verify_credentials")
    App().post("Error", "/oauth/token", status=400, data=wanted)
    app.get("Error", "/api/v1/accounts/verify_credentials", status=401)
    _, _, app = let_in("A reader", "reader:/back", "ann", scope="read")
    refused = app.post("Error", "/api/v1/statuses", status=403, data={"status": "not mine to write"})
    assert refused["error"] == "This action is outside the authorized scopes"
    app.post("Error", "/oauth/revoke", status=403, data={"client_id": made["client_id"], "client_secret": "x", "token": app.token})
    for elsewhere in ("https://evil.example/", "thief:/back/", "thief:/backwards", ""):
        page = requests.get(BASE + "/oauth/authorize", params={
            "response_type": "code", "client_id": made["client_id"], "redirect_uri": elsewhere}, allow_redirects=False, timeout=30)
        assert page.status_code == 400 and "Location" not in page.headers, elsewhere
    for scheme in ("javascript:alert(1)", "data:text/html,x", "vbscript:x", "no scheme"):
        App().post("Error", "/api/v1/apps", status=422, data={"client_name": "x", "redirect_uris": scheme})
    App().post("Error", "/oauth/token", status=401, data=wanted | {"client_id": made["client_id"] + "x"})
    App().get("Error", "/api/v1/timelines/home", status=401)
    App("made up").get("Error", "/api/v1/timelines/home", status=401)
    App().get("Error", "/api/v1/no/such/call", status=404)
    App().post("Error", "/api/v1/instance", status=404)
    # Whoever logs out is out.
    made, _, app = let_in("An app", "app:/back", "bob")
    credentials = {"client_id": made["client_id"], "client_secret": made["client_secret"]}
    App().post("Empty", "/oauth/revoke", data=credentials | {"token": app.token})
    App().post("Empty", "/oauth/revoke", data=credentials | {"token": app.token})
    app.get("Error", "/api/v1/accounts/verify_credentials", status=401)
    alone = App().post("Token", "/oauth/token", data=credentials | {"grant_type": "client_credentials", "scope": "read"})
    App(alone["access_token"]).get("Application", "/api/v1/apps/verify_credentials")
    App(alone["access_token"]).get("Error", "/api/v1/timelines/home", status=422)
    told("thieves get nothing")


def photograph(width=1600, height=1200, where="51 deg N", kind="JPEG"):
    """A picture of noise, as a phone takes it that is held upright: it lies on its side, and says where it was."""
    picture = Image.effect_noise((width, height), 80).convert("RGB")
    about = Image.Exif()
    about[0x0112], about[0x010E] = 6, where
    about.get_ifd(0x8825)[1] = "N"
    written = io.BytesIO()
    picture.save(written, kind, **({"quality": 90, "exif": about} if kind == "JPEG" else {}))
    return written.getvalue()


def fetched(url, status=200):
    """A picture, as whoever has its address gets it: without a token."""
    answer = requests.get(url, timeout=60)
    assert answer.status_code == status, (url, answer.status_code)
    if status != 200:
        return None
    assert answer.headers["X-Content-Type-Options"] == "nosniff" and "sandbox" in answer.headers["Content-Security-Policy"]
    assert "private" in answer.headers["Cache-Control"] and answer.headers["Access-Control-Allow-Origin"] == "*"
    picture = Image.open(io.BytesIO(answer.content))
    assert answer.headers["Content-Type"] == Image.MIME[picture.format], url
    assert not picture.getexif() and b"51 deg" not in answer.content, "nothing says where it was taken"
    assert len(answer.content) <= 1 << 20, "it is made smaller"
    picture.load()
    return picture


def story_of_pictures():
    """Pictures on posts and of people, through crashes; what is no picture; and that they go with what shows them."""
    ann, bob = mastodon_py("ann"), mastodon_py("bob")
    crash()
    taken = photograph()
    media = bob.media_post(io.BytesIO(taken), mime_type="image/jpeg", description="Noise", focus=(0.5, -0.25))
    assert media.type == "image" and media.description == "Noise" and media.blurhash, media
    assert (media.meta.focus.x, media.meta.focus.y) == (0.5, -0.25)
    assert (media.meta.original.width, media.meta.original.height) == (1200, 1600), "it stands upright"
    post = bob.status_post("Look", media_ids=[media.id], sensitive=True)
    seen = ann.status(post.id).media_attachments[0]
    assert seen.url == media.url
    assert fetched(seen.url).size == (1200, 1600)
    preview = fetched(seen.preview_url)
    assert preview.size == (media.meta.small.width, media.meta.small.height) and preview.width * preview.height <= 230_400
    crash()
    assert fetched(seen.url).size == (1200, 1600), "it survives"
    assert [one.id for one in ann.account_statuses(post.account.id, only_media=True)] == [post.id]
    attributes = [{"id": media.id, "description": "More noise"}]
    App(bob.access_token).asks("Status", "PUT", f"/api/v1/statuses/{post.id}", json={
        "status": "Look!", "media_ids": [media.id], "media_attributes": attributes})
    assert ann.status(post.id).media_attachments[0].description == "More noise"
    wordless = bob.status_post("", media_ids=[bob.media_post(io.BytesIO(photograph(kind="PNG", width=64, height=64)),
                                                             mime_type="image/png").id])
    assert wordless.content == "" and len(wordless.media_attachments) == 1

    def refused(doing):
        try:
            doing()
        except MastodonError:
            return True
        return False

    assert refused(lambda: ann.status_post("mine?", media_ids=[media.id])), "it is bob's"
    assert refused(lambda: bob.status_post("twice?", media_ids=[media.id])), "it is on a post already"
    assert refused(lambda: bob.media_post(io.BytesIO(b"<script>alert(1)</script>"), mime_type="image/png"))
    assert refused(lambda: bob.media_post(io.BytesIO(taken[:5_000]), mime_type="image/jpeg")), "most of it is missing"
    assert refused(lambda: bob.media_post(io.BytesIO(taken + bytes(9 << 20)), mime_type="image/jpeg")), "it is too large"
    unknown = requests.post(BASE + "/api/v2/media", files={"file": ("a.jpg", taken, "image/jpeg")}, timeout=60)
    assert unknown.status_code == 401, unknown.text
    for strange in ("AAAAAAAAAAAAAAAAAAAAAA/original.jpg", "../etc/passwd", "x/original.jpg"):
        fetched(f"{BASE}/pictures/{strange}", 404)
    fetched(seen.url.replace(".jpg", ".html"), 404)

    default = bob.me().avatar
    changed = bob.account_update_credentials(avatar=io.BytesIO(photograph()), avatar_mime_type="image/jpeg",
                                             header=io.BytesIO(photograph()), header_mime_type="image/jpeg", note="I bark")
    assert changed.avatar != default and fetched(changed.avatar).size == (400, 400)
    width, height = fetched(changed.header).size
    assert width == 3 * height and fetched(changed.avatar_static).size == (400, 400)
    assert ann.status(post.id).account.avatar == changed.avatar
    first = changed.avatar
    second = bob.account_update_credentials(avatar=io.BytesIO(photograph()), avatar_mime_type="image/jpeg").avatar
    assert second != first and fetched(second)
    fetched(first, 404)

    token = bob.access_token
    elk = App(token).post("MediaAttachment", "/api/v1/media", files={"file": ("a.webp", photograph(kind="WEBP"), "image/webp")})
    App(token).get("MediaAttachment", f"/api/v1/media/{elk['id']}")
    described = App(token).asks("MediaAttachment", "PUT", f"/api/v1/media/{elk['id']}", json={"description": "A web"})
    assert described["description"] == "A web"
    App(ann.access_token).get("Error", f"/api/v1/media/{elk['id']}", status=404)
    App(token).asks("Empty", "DELETE", f"/api/v1/media/{elk['id']}")
    fetched(elk["url"], 404)

    bob.status_delete(post.id)
    fetched(seen.url, 404)
    fetched(seen.preview_url, 404)
    told("pictures are shown")


def story_of_streams():
    """Somebody reads what happens, on one connection, while the available server is killed; then comes back."""
    _, _, ann = let_in("A reader of streams", "streams:/back", "ann")
    _, _, bob = let_in("A writer", "writer:/back", "bob")

    def read(count, last=None):
        """So many updates from there on, each as its position and its post."""
        headers = {"Authorization": "Bearer " + ann.token} | ({"Last-Event-ID": last} if last else {})
        got, position, is_update = [], None, False
        path = BASE + "/api/v1/streaming/public"
        with requests.get(path, headers=headers, stream=True, timeout=60) as answer:
            assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/event-stream")
            begun.set()
            for line in answer.iter_lines(decode_unicode=True):
                name, _, value = line.partition(": ")
                if name == "id":
                    position = value
                elif name == "event":
                    is_update = value == "update"
                elif name == "data" and is_update:
                    got.append((position, check("Status", json.loads(value))["id"]))
                    if len(got) == count:
                        return got

    begun = threading.Event()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        reading = pool.submit(read, 20)
        assert begun.wait(30)
        posted = []
        for number in range(20):
            if number == 10:
                crash()
            posted.append(bob.post("Status", "/api/v1/statuses", json={"status": f"streamed {number}"})["id"])
        got = reading.result(timeout=60)
    assert [post for _, post in got] == posted, (got, posted)
    assert [post for _, post in read(15, last=got[4][0])] == posted[5:], "whoever comes back misses nothing"
    told("streams are whole")


story_of_mastodon_py()
story_of_toot()
story_of_tusky()
story_of_phanpy()
story_of_elk()
story_of_thieves()
story_of_pictures()
story_of_streams()
told("end")
