#!/bin/sh
# Calls a vendor from a shell, within the limits that Sluice's workers keep: needs curl and jq.
#     permits.sh http://127.0.0.1:8480 ACCOUNT OPERATION URL [CALLS]      (SLUICE_API_KEY, where one is needed)
set -eu
sluice=$1 account=$2 operation=$3 url=$4 calls=${5:-1} answers=0 permit=
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
wanted=$(jq -n --arg a "$account" --arg o "$operation" '{account: $a, operation: $o, waitMs: 5000}')

ask() { # path; the JSON comes by the input: the answer is in $folder/said, its status is printed
  curl -s -D "$folder/terms" -o "$folder/said" -w '%{http_code}' -H 'Content-Type: application/json' \
    ${SLUICE_API_KEY:+-H "Authorization: Bearer $SLUICE_API_KEY"} --data-binary @- "$sluice/api/v1$1"
}

while [ "$answers" -lt "$calls" ]; do
  if [ -z "$permit" ]; then
    if [ "$(printf %s "$wanted" | ask /permits)" != 200 ]; then
      wait=$(sed -n 's/^[Rr]etry-[Aa]fter: *\([0-9]*\).*/\1/p' "$folder/terms")
      if [ "${wait:-31}" -le 30 ]; then sleep "$wait"; continue; fi
      jq -r .detail "$folder/said" >&2
      break
    fi
    permit=$(jq -r .permit "$folder/said")
  fi
  : > "$folder/headers" > "$folder/body"
  status=$(curl -s -D "$folder/headers" -o "$folder/body" -w '%{http_code}' "$url") || status=000
  # The outcome and the wish for the next permit travel together.
  jq -n --argjson s "$((1$status - 1000))" --argjson left "$((calls - answers - 1))" \
    --rawfile h "$folder/headers" --rawfile b "$folder/body" \
    'if $s == 0 then {error: {message: "no answer"}} else {status: $s, body: $b[:60000],
      headers: ($h | split("\r\n") | map(capture("^(?<key>[^: ]+): *(?<value>.*)$")) | from_entries)} end
      + if $left > 0 then {nextWaitMs: 5000} else {} end' | ask "/permits/$permit/outcome" > "$folder/code"
  jq -r '.next, (.permit.permit // ""), (.waitMs // 60000) / 1000, .reason' "$folder/said" > "$folder/advice"
  { read -r next; read -r permit; read -r wait; read -r reason || true; } < "$folder/advice"
  case $next in
    use) answers=$((answers + 1)) ;;
    retry) sleep "$wait" ;;
    *) echo "$reason" >&2; break ;;
  esac
done
echo "$answers"
