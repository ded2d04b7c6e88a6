#!/bin/sh
# Runs a whole Tiny SNS cluster on this machine, in the foreground, until Ctrl-C or SIGTERM:
# a router, SERVERS slaves with a master each, and CLIENTS clients. Data survives for the next start.
#
# From the environment, or their defaults:
#   SERVERS      8          slave/master pairs
#   CLIENTS      3          clients, named u1, u2, ...
#   ROUTER_PORT  3010       the router's port; its witness and its metrics take the next two
#   HOST         127.0.0.1  the address to listen at; 0.0.0.0 lets other machines in
#   DATA_DIR     ./data     where data, the cluster's secret and logs are kept
#   TINYSNS_BIN             a program to run; without it, one is built from this directory
# TINYSNS_* variables (see `tinysns slave --help`) are passed on to every process.

set -u

SERVERS=${SERVERS:-8}
CLIENTS=${CLIENTS:-3}
ROUTER_PORT=${ROUTER_PORT:-3010}
HOST=${HOST:-127.0.0.1}
DATA_DIR=${DATA_DIR:-./data}
# How long the cluster may take to serve, in seconds: 8 masters on a small, busy machine.
SERVE_WITHIN=60
# How long processes may take to stop, in seconds: slaves kill their masters after 10.
STOP_WITHIN=15

say() { printf '%s\n' "$*"; }
die() { printf 'run.sh: %s\n' "$*" >&2; stop 1; }

# --- what was started ---------------------------------------------------------------------------
# Process 0 is the router, 1 to SERVERS are the slaves. pid_N is empty for one that is not running.

STARTED=0
TMUX_SERVER=
ATTACHED=
PANES=
CLIENT_PIDS=

pid_of() { eval "PID=\${pid_$1:-}"; }

# Whether $1 is a living child of this script. A child that ended and was not waited for still has
# its process id, and an id that was released may belong to another process: neither counts.
is_ours() {
    STATE='' PARENT=''
    [ -n "$1" ] && [ -r "/proc/$1/status" ] || return 1
    while read -r label value _; do
        case $label in
            State:) STATE=$value ;;
            PPid:) PARENT=$value; break ;;
        esac
    done 2>/dev/null <"/proc/$1/status"
    [ "$PARENT" = "$$" ] && [ "$STATE" != Z ] && [ "$STATE" != X ]
}

start() { # index
    if [ "$1" -eq 0 ]; then
        "$BIN" router >>"$LOGS/router.log" 2>&1 </dev/null &
    else
        "$BIN" slave >>"$LOGS/slave-$1.log" 2>&1 </dev/null &
    fi
    eval "pid_$1=\$!"
}

log_of() { if [ "$1" -eq 0 ]; then LOG=$LOGS/router.log; else LOG=$LOGS/slave-$1.log; fi; }

# Restarts processes that ended by themselves, except those that refused their settings: they would
# refuse them again.
revive() {
    index=0
    while [ "$index" -le "$STARTED" ]; do
        pid_of "$index"
        if [ -n "$PID" ] && ! is_ours "$PID"; then
            wait "$PID"
            code=$?
            log_of "$index"
            if [ "$code" -eq 64 ]; then
                say "run.sh: a process refused its settings (see $LOG)"
                eval "pid_$index="
            else
                say "run.sh: a process ended with code $code (see $LOG); starting it again"
                start "$index"
            fi
        fi
        index=$((index + 1))
    done
}

# --- the end ------------------------------------------------------------------------------------

end_all() { # pids: asks them to end, waits, kills what is left
    asked=
    for pid in "$@"; do
        if is_ours "$pid" && kill -TERM "$pid" 2>/dev/null; then asked="$asked $pid"; fi
    done
    ticks=$((STOP_WITHIN * 10))
    for pid in $asked; do
        while is_ours "$pid"; do
            if [ "$ticks" -le 0 ]; then
                kill -KILL "$pid" 2>/dev/null
                break
            fi
            ticks=$((ticks - 1))
            sleep 0.1
        done
        wait "$pid" 2>/dev/null
    done
}

stop() { # exit code
    # From here on, another Ctrl-C must not leave processes behind.
    trap '' INT TERM HUP
    trap - EXIT
    if [ -n "$TMUX_SERVER" ]; then tmux -L "$TMUX_SERVER" kill-server 2>/dev/null; fi
    # It restores the terminal.
    if [ -n "$ATTACHED" ]; then wait "$ATTACHED" 2>/dev/null; fi
    for pane in $PANES; do tmux kill-pane -t "$pane" 2>/dev/null; done
    slaves=
    index=1
    while [ "$index" -le "$STARTED" ]; do
        pid_of "$index"
        slaves="$slaves $PID"
        index=$((index + 1))
    done
    pid_of 0
    if [ -n "$PID$CLIENT_PIDS$slaves" ]; then say "run.sh: stopping"; fi
    # Unquoted on purpose: lists of numbers. The router is last: masters hand over through it.
    # shellcheck disable=SC2086
    end_all $CLIENT_PIDS
    # shellcheck disable=SC2086
    end_all $slaves
    pid_of 0
    end_all "$PID"
    exit "$1"
}

trap 'stop 130' INT
trap 'stop 143' TERM
trap 'stop 129' HUP
trap 'stop $?' EXIT

# --- what to run --------------------------------------------------------------------------------

whole_number() { # name value smallest
    case $2 in
        '' | *[!0-9]* | ??????*) die "$1 must be a whole number, not '$2'" ;;
    esac
    [ "$2" -ge "$3" ] || die "$1 must be at least $3, not $2"
}
whole_number SERVERS "$SERVERS" 1
whole_number CLIENTS "$CLIENTS" 0
whole_number ROUTER_PORT "$ROUTER_PORT" 1
[ "$ROUTER_PORT" -le 65533 ] || die "ROUTER_PORT must be at most 65533: the witness and the metrics take the next two"

[ -r /proc/self/status ] || die "this needs Linux with /proc"
# What is made from here on is for this user alone: the secret, the logs and whatever the processes
# keep. A DATA_DIR that was there keeps its mode.
UMASK=$(umask)
umask 077
mkdir -p "$DATA_DIR/logs" || die "cannot make DATA_DIR $DATA_DIR"
DATA_DIR=$(cd "$DATA_DIR" && pwd) || die "cannot enter DATA_DIR $DATA_DIR"
LOGS=$DATA_DIR/logs
# Earlier versions let others read it.
chmod go= "$LOGS" 2>/dev/null ||
    say "run.sh: other users may read $LOGS, which belongs to somebody else"

# One cluster per directory. Every process of the cluster inherits this lock: it is free again when
# the last of them has ended, even if this script was killed before them. A program that stays for
# other reasons, such as tmux's server, must not inherit it.
command -v flock >/dev/null || die "flock is missing: it is in the package util-linux"
exec 9>>"$DATA_DIR/run.lock" || die "cannot write to DATA_DIR $DATA_DIR"
if ! flock -n 9; then
    holder=$(cat "$DATA_DIR/run.lock")
    die "a cluster runs in $DATA_DIR already, started by the process ${holder:-?}:" \
        "stop it, or set DATA_DIR to another directory"
fi
echo $$ >"$DATA_DIR/run.lock"

BIN=${TINYSNS_BIN:-}
if [ -z "$BIN" ]; then
    here=$(cd "$(dirname "$0")" && pwd) || die "cannot find my own directory"
    command -v cargo >/dev/null || die "cargo is missing: see https://rustup.rs, or set TINYSNS_BIN"
    target=${CARGO_TARGET_DIR:-target}
    case $target in
        /*) BIN=$target/release/tinysns ;;
        *) BIN=$here/$target/release/tinysns ;;
    esac
    [ -x "$BIN" ] || say "run.sh: building Tiny SNS, which takes some minutes the first time"
    # Run there, so that the target directory is the same wherever this script was called from.
    (umask "$UMASK" && cd "$here" && cargo build --release --locked 9>&-) || die "the build failed"
fi
[ -x "$BIN" ] || die "there is no program $BIN"
case $BIN in
    /*) ;;
    *) BIN=$(cd "$(dirname "$BIN")" && pwd)/$(basename "$BIN") ;;
esac

if [ -z "${TINYSNS_SECRET:-}" ] && [ -z "${TINYSNS_SECRET_FILE:-}" ]; then
    export TINYSNS_SECRET_FILE="$DATA_DIR/secret"
    if [ ! -s "$TINYSNS_SECRET_FILE" ]; then
        (
            od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"$TINYSNS_SECRET_FILE.new" &&
                [ -s "$TINYSNS_SECRET_FILE.new" ] &&
                mv "$TINYSNS_SECRET_FILE.new" "$TINYSNS_SECRET_FILE"
        ) || die "cannot make the secret file $TINYSNS_SECRET_FILE"
    fi
fi

case $HOST in
    localhost) HOST=127.0.0.1 ;;
    \[*) ;;
    *:*) HOST="[$HOST]" ;;
esac
case $HOST in
    # On all addresses: each process finds out by itself how others can reach it.
    0.0.0.0) DIAL=127.0.0.1 ;;
    '[::]') DIAL='[::1]' ;;
    *)
        DIAL=$HOST
        export TINYSNS_ADVERTISE_HOST="$HOST"
        ;;
esac
export TINYSNS_ROUTER="$DIAL:$ROUTER_PORT"
export TINYSNS_ROUTER_LISTEN="$HOST:$ROUTER_PORT"
export TINYSNS_WITNESS_LISTEN="$HOST:$((ROUTER_PORT + 1))"
export TINYSNS_ROUTER_METRICS_LISTEN="127.0.0.1:$((ROUTER_PORT + 2))"
export TINYSNS_CLIENT_LISTEN="$HOST:0"
export TINYSNS_PEER_LISTEN="$HOST:0"
export TINYSNS_DATA_DIR="$DATA_DIR"
export TINYSNS_ROUTER_DATA_DIR="$DATA_DIR/router"
# The same name for all servers would not identify any.
unset TINYSNS_NAME

# --- the cluster --------------------------------------------------------------------------------

show_log() { # index: the last lines of a process that failed
    log_of "$1"
    say "--- the end of $LOG" >&2
    tail -n 5 "$LOG" >&2
}

pid_file() { PID_FILE=$(printf '%s/slot-%03d/master.pid' "$DATA_DIR" "$1"); }

# Our servers must not report to another cluster's router.
if "$BIN" status --json --router "$TINYSNS_ROUTER" >/dev/null 2>&1; then
    die "another cluster has the port $ROUTER_PORT: stop it, or set ROUTER_PORT to another port"
fi

say "run.sh: starting a router and $SERVERS servers; logs are in $LOGS"
start 0
while [ "$STARTED" -lt "$SERVERS" ]; do
    STARTED=$((STARTED + 1))
    pid_file "$STARTED"
    # Left by a run that was killed; the slave would remove it, but only a moment later.
    rm -f "$PID_FILE"
    start "$STARTED"
    # One after another, so that slave N has slot N unless an earlier run still holds it.
    tries=0
    while [ ! -e "$PID_FILE" ] && [ "$tries" -lt 50 ]; do
        tries=$((tries + 1))
        sleep 0.02
    done
done

# The status is asked only while our own router is alive: another cluster may have its port.
serves() {
    "$BIN" status --json --router "$TINYSNS_ROUTER" 2>/dev/null |
        grep -Eq '"available"[[:space:]]*:[[:space:]]*"'
}

began=$(date +%s)
while :; do
    pid_of 0
    is_ours "$PID" || { show_log 0; die "the router ended"; }
    living=0
    index=1
    while [ "$index" -le "$SERVERS" ]; do
        pid_of "$index"
        if is_ours "$PID"; then living=$((living + 1)); fi
        index=$((index + 1))
    done
    [ "$living" -gt 0 ] || { show_log 1; die "no server is left"; }
    if serves; then
        # A router that could not bind its port may have been alive until just now.
        pid_of 0
        is_ours "$PID" && break
    fi
    if [ $(($(date +%s) - began)) -ge "$SERVE_WITHIN" ]; then
        show_log 0
        show_log 1
        die "the cluster does not serve after $SERVE_WITHIN s"
    fi
    sleep 0.2
done

cat <<END

The cluster serves at $TINYSNS_ROUTER.
  another client:   '$BIN' client --router $TINYSNS_ROUTER -u NAME
  the status:       '$BIN' status --router $TINYSNS_ROUTER --watch
  kill a master:    kill -9 "\$(cat '$DATA_DIR/slot-001/master.pid')"
  stop everything:  Ctrl-C here, or kill $$

END

# --- the clients --------------------------------------------------------------------------------

in_own_tmux() {
    TMUX_SERVER=tinysns-$$
    number=1
    while [ "$number" -le "$CLIENTS" ]; do
        if [ "$number" -eq 1 ]; then
            tmux -L "$TMUX_SERVER" -f /dev/null new-session -d -s tinysns \
                "$BIN" client --router "$TINYSNS_ROUTER" -u u1 9>&- || return 1
            tmux -L "$TMUX_SERVER" set-option -g mouse on
            tmux -L "$TMUX_SERVER" set-option -g status-right 'Ctrl-b d: leave the panes'
        else
            tmux -L "$TMUX_SERVER" split-window -t tinysns \
                "$BIN" client --router "$TINYSNS_ROUTER" -u "u$number"
            # Now and not at the end: panes that are split in halves would soon be too small to
            # split.
            tmux -L "$TMUX_SERVER" select-layout -t tinysns tiled >/dev/null
        fi
        number=$((number + 1))
    done
    # In the background, with the terminal as its input: a signal to this script interrupts `wait`,
    # but not a command in the foreground.
    tmux -L "$TMUX_SERVER" attach-session -t tinysns <&3 &
    ATTACHED=$!
    wait "$ATTACHED"
    ATTACHED=
    if tmux -L "$TMUX_SERVER" has-session -t tinysns 2>/dev/null; then
        say "The clients are still there: tmux -L $TMUX_SERVER attach"
    else
        TMUX_SERVER=
        say "The clients have left; the cluster goes on."
    fi
    say "Ctrl-C stops everything."
}

in_this_tmux() {
    number=1
    while [ "$number" -le "$CLIENTS" ]; do
        pane=$(tmux split-window -d -P -F '#{pane_id}' \
            "$BIN" client --router "$TINYSNS_ROUTER" -u "u$number") || return 1
        PANES="$PANES $pane"
        tmux select-layout tiled >/dev/null
        number=$((number + 1))
    done
}

how_to_attach() {
    say "Open clients in other terminals (tmux, if it were installed, would show them here):"
    number=1
    while [ "$number" -le "$CLIENTS" ]; do
        say "  '$BIN' client --router $TINYSNS_ROUTER -u u$number"
        number=$((number + 1))
    done
}

# Runs one client in the background, with standard input as its commands, so that it does not delay
# a signal to this script. (The redirection is explicit because sh gives background jobs an empty
# input.)
converse() { # number
    "$BIN" client --router "$TINYSNS_ROUTER" -u "u$1" >>"$LOGS/client-$1.log" 2>&1 <&3 &
    CLIENT_PIDS="$CLIENT_PIDS $!"
}

await_clients() {
    for pid in $CLIENT_PIDS; do
        wait "$pid" || say "run.sh: a client ended with code $? (see $LOGS)"
    done
    CLIENT_PIDS=
}

# The lines of client $1 in act $2 of the conversation: first all log in, so that they can be
# followed, then each follows all others, then each posts, and at last each reads.
lines() {
    case $2 in
        1) say LIST ;;
        2)
            other=1
            while [ "$other" -le "$CLIENTS" ]; do
                [ "$other" -eq "$1" ] || say "FOLLOW u$other"
                other=$((other + 1))
            done
            say LIST
            ;;
        3) printf 'TIMELINE\nHello from u%s\n' "$1" ;;
        4) say TIMELINE ;;
    esac
}

conversation() {
    act=1
    while [ "$act" -le 4 ]; do
        number=1
        while [ "$number" -le "$CLIENTS" ]; do
            if [ ! -f "$DATA_DIR/client-$number.txt" ]; then
                lines "$number" "$act" >"$LOGS/client-$number.lines"
                converse "$number" 3<"$LOGS/client-$number.lines"
            elif [ "$act" -eq 1 ]; then
                converse "$number" 3<"$DATA_DIR/client-$number.txt"
            fi
            number=$((number + 1))
        done
        await_clients
        act=$((act + 1))
    done
    number=1
    while [ "$number" -le "$CLIENTS" ]; do
        rm -f "$LOGS/client-$number.lines"
        sed "s/^/u$number| /" "$LOGS/client-$number.log"
        number=$((number + 1))
    done
}

empty_client_logs() {
    number=1
    while [ "$number" -le "$CLIENTS" ]; do
        : >"$LOGS/client-$number.log"
        number=$((number + 1))
    done
}

if [ "$CLIENTS" -eq 0 ]; then
    :
elif [ ! -t 0 ] || [ ! -t 1 ]; then
    empty_client_logs
    conversation
elif ! command -v tmux >/dev/null; then
    how_to_attach
elif [ -n "${TMUX:-}" ]; then
    in_this_tmux || how_to_attach
else
    in_own_tmux 3<&0 || { TMUX_SERVER=; how_to_attach; }
fi

# --- until it is asked to stop ------------------------------------------------------------------

while :; do
    # Without the lock: it may outlive this script by a moment.
    sleep 1 9>&- &
    wait $!
    revive
done
