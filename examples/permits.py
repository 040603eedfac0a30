"""Calls a vendor from Python, within the limits that Sluice's workers keep. Standard library only.

    python3 permits.py http://127.0.0.1:8480 ACCOUNT OPERATION URL [CALLS [AT_ONCE]]      (SLUICE_API_KEY, where one is needed)

Whoever waits when a limit's next unit comes gets it. While a call takes longer than that, another one has to wait: AT_ONCE.
"""
import json, os, sys, time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

SLUICE, ACCOUNT, OPERATION, URL = sys.argv[1:5]
CALLS, AT_ONCE = (int(number) for number in (*sys.argv[5:7], 1, 1)[:2])
LONGEST_WAIT = 30
HEADERS = {"Content-Type": "application/json"}
if key := os.environ.get("SLUICE_API_KEY"):
    HEADERS["Authorization"] = f"Bearer {key}"

def connect():
    """Asks Sluice over one connection that is kept."""
    where = urlsplit(SLUICE)
    connection = (HTTPSConnection if where.scheme == "https" else HTTPConnection)(where.netloc, timeout=60)
    def ask(path, again=True, **body):
        try:
            connection.request("POST", f"{where.path}/api/v1{path}", json.dumps(body), HEADERS)
            answer = connection.getresponse()
            return answer.status, answer.headers, json.loads(answer.read())
        except (HTTPException, ConnectionError):
            connection.close()
            if not again:
                raise
            return ask(path, again=False, **body)
    return ask

def fetch(url):
    try:
        with urlopen(url, timeout=60) as answer:
            return {"status": answer.status, "headers": dict(answer.headers), "body": answer.read().decode()}
    except HTTPError as refusal:
        return {"status": refusal.code, "headers": dict(refusal.headers), "body": refusal.read().decode()}
    except (URLError, OSError) as trouble:
        return {"error": {"message": str(trouble)[:1000]}}

def work(calls):
    """How many of the calls were answered, one after the other; fewer when there is no leave within LONGEST_WAIT seconds."""
    ask, permit, answers = connect(), None, 0
    while answers < calls:
        if permit is None:
            status, headers, leave = ask("/permits", account=ACCOUNT, operation=OPERATION, waitMs=5000)
            if status != 200:
                wait = int(headers.get("Retry-After", LONGEST_WAIT + 1))
                if status not in (429, 503) or wait > LONGEST_WAIT:
                    print(leave["detail"], file=sys.stderr)
                    break
                time.sleep(wait)
                continue
            permit = leave["permit"]
        said = fetch(URL)
        if "body" in said:
            said["body"] = said["body"][:60000]
        # The outcome and the wish for the next permit travel together.
        more = {"nextWaitMs": 5000} if answers + 1 < calls else {}
        _, _, advice = ask(f"/permits/{permit}/outcome", **said, **more)
        permit = (advice["permit"] or {}).get("permit")
        if advice["next"] == "use":
            answers += 1
        elif advice["next"] in ("retry", "stop") and 0 < (advice["waitMs"] or 0) <= LONGEST_WAIT * 1000:
            time.sleep(advice["waitMs"] / 1000)
        else:
            print(advice["reason"], file=sys.stderr)
            break
    return answers

shares = [CALLS // AT_ONCE + (one < CALLS % AT_ONCE) for one in range(AT_ONCE)]
with ThreadPoolExecutor(AT_ONCE) as threads:
    print(sum(threads.map(work, shares)))
