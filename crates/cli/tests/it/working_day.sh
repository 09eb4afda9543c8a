#!/usr/bin/env bash
# A working day with mlcr, against a simulator in a process of its own.
# Usage: working_day.sh PATH_TO_MLCR
set -euo pipefail

mlcr=$1
day=$(mktemp -d)
export HOME=$day XDG_CACHE_HOME=$day/cache NO_COLOR=1 MLCR_KEYRING=off
unset XDG_CONFIG_HOME MLCR_PROFILE MLCR_CONFIG_DIR "${!MLSPACE_@}" "${!MLS_@}"

fail() { echo "working day: $*" >&2; exit 1; }
is() { [[ "$2" == "$3" ]] || fail "$1: expected '$3', got '$2'"; }
# exits CODE COMMAND...: the command ends with that exit code.
exits() {
    local expected=$1 code=0
    shift
    "$@" >"$day/out" 2>"$day/err" || code=$?
    [[ $code == "$expected" ]] || fail "$* ended with $code instead of $expected: $(cat "$day/err")"
}

# Morning: the simulator is started, and everything it says is in one line.
"$mlcr" sim --env-file "$day/sim.env" --quirk registry-host=127.0.0.1:9 >"$day/ready" 2>"$day/sim.log" &
sim=$!
trap 'kill "$sim" 2>/dev/null || true; wait "$sim" 2>/dev/null || true; rm -rf "$day"' EXIT
for _ in $(seq 100); do [[ -s $day/ready ]] && break; sleep 0.1; done
is "lines of the simulator" "$(wc -l <"$day/ready" | tr -d ' ')" 1
is "mode of the settings" "$(ls -l "$day/sim.env" | cut -c1-10)" "-rw-------"

# Whoever has no settings is told what to do.
exits 3 "$mlcr" repo ls
grep -q 'mlcr auth login' "$day/err" || fail "no hint to sign in"

# Signing in once is enough.
set -a; . "$day/sim.env"; set +a
printf '%s\n%s\n' "$MLCR_PERSONAL_CLIENT_ID" "$MLCR_PERSONAL_CLIENT_SECRET" | "$mlcr" auth login 2>/dev/null
unset "${!MLSPACE_@}"
exits 0 "$mlcr" auth status
exits 0 "$mlcr" doctor --jq '.[] | select(.state == "failed")'
is "failed checks" "$(cat "$day/out")" ""

# Looking around.
is "repositories" "$("$mlcr" repo ls --jq length)" 5
is "a name" "$("$mlcr" repo show train/resnet --jq .name)" train/resnet
exits 4 "$mlcr" repo show train/resnt
grep -q train/resnet "$day/err" || fail "the nearest name is not shown"
id=$("$mlcr" repo show train/resnet --jq .id)
is "by the beginning of its id" "$("$mlcr" repo show "${id:0:8}" --jq .name)" train/resnet
full=$("$mlcr" image show train/resnet:latest --jq '.tags[0].full_name')
is "by its full name" "$("$mlcr" image show "$full" --jq .digest)" "$("$mlcr" image show train/resnet:latest --jq .digest)"
"$mlcr" repo ls -o ndjson | head -n 1 >/dev/null
is "columns of CSV" "$("$mlcr" tag ls train/resnet:latest -o csv | head -n 1 | cut -d, -f1,2)" "id,name"

# Work: a label, a favourite, a release tag in green.
exits 0 "$mlcr" repo edit notebook --description 'Notebooks of the team' --add-label team
exits 0 "$mlcr" repo fav notebook
is "favourite" "$("$mlcr" repo ls --filter favorite --filter label=team --jq '.[].name')" notebook
exits 0 "$mlcr" tag add train/resnet:latest v2.0 --color '#2ea043'
exits 0 "$mlcr" tag color train/resnet:v2.0 none
is "colour" "$("$mlcr" tag ls train/resnet:v2.0 --jq '.[] | select(.name == "v2.0") | .color')" null

# Tidying up: nothing without a yes, nothing in a dry run, then all of it.
exits 6 "$mlcr" image rm train/resnet:v1.0
exits 0 "$mlcr" image rm train/resnet:v1.0 --dry-run
is "images before" "$("$mlcr" image ls train/resnet --jq length)" 4
"$mlcr" image ls train/resnet --filter never-pulled --jq '.[].id' | "$mlcr" image rm - --yes -o json >"$day/report" 2>/dev/null
is "images after" "$("$mlcr" image ls train/resnet --jq length)" 3
exits 0 "$mlcr" tag rm train/resnet:v2.0 --yes
exits 4 "$mlcr" tag rm train/resnet:v2.0 --yes
exits 0 "$mlcr" repo rm scratch --yes
exits 4 "$mlcr" repo show scratch

# A new registry password, kept and not shown.
exits 6 "$mlcr" password rotate
exits 0 "$mlcr" password rotate --yes --jq .stored_in
is "mode of the passwords" "$(ls -l "$day/.config/mlcr/registry-passwords.json" | cut -c1-10)" "-rw-------"

# A job that may only read.
MLSPACE_READONLY=1 exits 6 "$mlcr" repo unfav notebook

# What has no command.
is "api" "$("$mlcr" api GET /public/v2/docker_registry/v2/registries/current --jq .repositories_count)" 4

# Evening: the simulator ends when it is told to.
exits 0 "$mlcr" auth logout
exits 3 "$mlcr" repo ls
kill -TERM "$sim"
code=0; wait "$sim" || code=$?
is "exit code of the simulator" "$code" 0
echo "the working day went well"
