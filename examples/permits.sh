#!/bin/sh
# Calls a vendor from a shell, within the limits that Sluice's workers keep: needs curl and jq.
#     permits.sh http://127.0.0.1:8480 ACCOUNT OPERATION URL [CALLS]      (SLUICE_API_KEY, where one is needed)
set -eu
sluice=$1 account=$2 operation=$3 url=$4 calls=${5:-1} answers=0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

ask() { # path, JSON: the answer is in $folder/said, its status is printed
  curl -s -D "$folder/terms" -o "$folder/said" -w '%{http_code}' -H 'Content-Type: application/json' \
    ${SLUICE_API_KEY:+-H "Authorization: Bearer $SLUICE_API_KEY"} -d "$2" "$sluice/api/v1$1"
}

while [ "$answers" -lt "$calls" ]; do
  wanted=$(jq -n --arg a "$account" --arg o "$operation" '{account: $a, operation: $o, waitMs: 5000}')
  if [ "$(ask /permits "$wanted")" != 200 ]; then
    wait=$(sed -n 's/^[Rr]etry-[Aa]fter: *\([0-9]*\).*/\1/p' "$folder/terms")
    if [ "${wait:-31}" -le 30 ]; then sleep "$wait"; continue; fi
    jq -r .detail "$folder/said" >&2
    break
  fi
  permit=$(jq -r .permit "$folder/said")
  status=$(curl -s -D "$folder/headers" -o "$folder/body" -w '%{http_code}' "$url") || status=000
  if [ "$status" = 000 ]; then
    outcome='{"error": {"message": "no answer"}}'
  else
    outcome=$(jq -n --argjson s "$status" --rawfile h "$folder/headers" --rawfile b "$folder/body" \
      '{status: $s, body: $b[:60000], headers: ($h | split("\r\n") | map(capture("^(?<key>[^: ]+): *(?<value>.*)$")) | from_entries)}')
  fi
  ask "/permits/$permit/outcome" "$outcome" > "$folder/code"
  case $(jq -r .next "$folder/said") in
    use) answers=$((answers + 1)) ;;
    retry) sleep "$(jq -r '.waitMs / 1000' "$folder/said")" ;;
    *) jq -r .reason "$folder/said" >&2; break ;;
  esac
done
echo "$answers"
