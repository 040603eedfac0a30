"""Calls a vendor from Python, within the limits that Sluice's workers keep. Standard library only.

    python3 permits.py http://127.0.0.1:8480 ACCOUNT OPERATION URL [CALLS]      (SLUICE_API_KEY, where one is needed)
"""
import json, os, sys, time
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

SLUICE, ACCOUNT, OPERATION, URL = sys.argv[1:5]
HEADERS = {"Content-Type": "application/json"}
if key := os.environ.get("SLUICE_API_KEY"):
    HEADERS["Authorization"] = f"Bearer {key}"

def fetch(request, timeout=60):
    try:
        with urlopen(request, timeout=timeout) as answer:
            return answer.status, dict(answer.headers), answer.read().decode()
    except HTTPError as refusal:
        return refusal.code, dict(refusal.headers), refusal.read().decode()

def sluice(path, **body):
    status, headers, text = fetch(Request(f"{SLUICE}/api/v1{path}", json.dumps(body).encode(), HEADERS))
    return status, headers, json.loads(text)

def call(url, longest_wait=30):
    """The vendor's answer; None when there is no leave to call within `longest_wait` seconds."""
    while True:
        status, headers, permit = sluice("/permits", account=ACCOUNT, operation=OPERATION, waitMs=5000)
        if status != 200:
            wait = int(headers.get("Retry-After", longest_wait + 1))
            if status not in (429, 503) or wait > longest_wait:
                return print(permit["detail"], file=sys.stderr)
            time.sleep(wait)
            continue
        try:
            status, headers, body = fetch(Request(url))
            said = {"status": status, "headers": headers, "body": body[:60000]}
        except (URLError, OSError) as trouble:
            said = {"error": {"message": str(trouble)[:1000]}}
        advice = sluice(f"/permits/{permit['permit']}/outcome", **said)[2]
        if advice["next"] == "use":
            return body
        if advice["next"] not in ("retry", "stop") or not 0 < advice["waitMs"] <= longest_wait * 1000:
            return print(advice["reason"], file=sys.stderr)
        time.sleep(advice["waitMs"] / 1000)

answers = 0
while answers < int((sys.argv[5:] or [1])[0]) and call(URL) is not None:
    answers += 1
print(answers)
