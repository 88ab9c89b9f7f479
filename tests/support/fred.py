"""A server that speaks FRED's form (GET /series/observations), scripted by the test: figures by series, answers to be
given before any figure, what day it is. It keeps the queries it got.

    with Fred() as fred:
        fleet.worker("predict", env=fred.env)
"""
import http.server
import json
import threading
import urllib.parse

KEY = "abcdefghijklmnopqrstuvwxyz012345"


def monthly(values, last=(2026, 10)):
    """{"2026-10-01": value…} of one value a month, the last one in month `last`."""
    months = [last[0] * 12 + last[1] - 1 - i for i in range(len(values))]
    return {f"{m // 12}-{m % 12 + 1:02}-01": v for m, v in zip(reversed(months), values)}


class Fred:
    def __init__(self):
        self.day = "2026-11-20"
        self.figures = {}
        self.script = []  # (status, headers, body) to be answered first
        self.queries = []
        fred = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                url = urllib.parse.urlsplit(self.path)
                query = dict(urllib.parse.parse_qsl(url.query))
                fred.queries.append(query)
                self.answer(*(fred.script.pop(0) if fred.script else fred.observations(url.path, query)))

            def answer(self, status, headers, body):
                body = body.encode()
                self.send_response(status)
                for name, value in ({"Content-Type": "application/json"} | headers).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/fred"
        self.env = {"PARLEY_FRED_BASE_URL": self.url, "FRED_API_KEY": KEY}

    @staticmethod
    def refusal(message):
        """FRED sends its errors as JSON under another type."""
        return 400, {"Content-Type": "text/xml"}, json.dumps({"error_code": 400, "error_message": message})

    def observations(self, path, query):
        if path != "/fred/series/observations" or query.get("file_type") != "json":
            return 400, {"Content-Type": "text/xml"}, '<error code="400" message="Bad Request."/>'
        if query.get("api_key") != KEY:
            return self.refusal("Bad Request.  The value for variable api_key is not registered.")
        if query["series_id"] not in self.figures:
            return self.refusal("Bad Request.  The series does not exist.")
        rows = [{"realtime_start": self.day, "realtime_end": self.day, "date": date, "value": str(value)}
                for date, value in self.figures[query["series_id"]].items() if date >= query["observation_start"]]
        rows.sort(key=lambda row: row["date"], reverse=query["sort_order"] == "desc")
        return 200, {}, json.dumps({
            "realtime_start": self.day, "realtime_end": self.day, "units": "lin", "output_type": 1,
            "count": len(rows), "offset": 0, "limit": int(query["limit"]), "observations": rows[:int(query["limit"])]})

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
