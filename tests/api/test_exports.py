"""Lists as whole files: CSV and JSON Lines with the list's own filters and rights, each with the checkpoint that it was made at."""
import base64
import csv
import io
import json
import pathlib
import re
import socket

from harness import CONTRACT, TOP
from test_log import newest, reader
from test_report import a_job

WORLD = {"more": ["--checkpoint-ms=100", "--public-entries=no"]}
LISTS = re.findall(r'^E\((\w+), (\w+), "([^"]*)"\)', (pathlib.Path(TOP) / "server/api/exports.def").read_text(), re.M)


def settled(world):
    """The newest checkpoint covers all that there is."""
    newest(world, reader(world), world.anybody.must("GET", "/v1/journal")["size"])


def as_csv(reply):
    assert reply.status == 200 and reply.headers["content-type"] == "text/csv; charset=utf-8", reply
    first, *rows = list(csv.reader(io.StringIO(reply.body.decode(), newline="")))
    return first, [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


def as_lines(reply):
    assert reply.status == 200 and reply.headers["content-type"] == "application/jsonl; charset=utf-8", reply
    first, *rows = [json.loads(line) for line in reply.body.decode().splitlines()]
    return first, rows


def whole(person, path):
    """All items of a list, page after page."""
    items, cursor = [], ""
    while cursor is not None:
        page = person.must("GET", path + ("&" if "?" in path else "?") + "limit=7" + cursor)
        items += page["items"]
        cursor = f"&cursor={page['next']}" if page["next"] else None
    return items


def test_every_column_is_one_of_the_lists(world):
    schemas = {op["operationId"]: op for _, _, _, op in CONTRACT.routes}

    def member(schema, name):
        schema = CONTRACT.resolve(schema)
        options = [CONTRACT.resolve(s) for s in schema.get("anyOf", schema.get("oneOf", [schema]))]
        return next((s["properties"][name] for s in options if name in s.get("properties", {})), None)

    for name, _, columns in LISTS:
        op = schemas[name]
        assert any(p.get("$ref", "").endswith("/format") for p in op["parameters"]), name
        item = CONTRACT.resolve(CONTRACT.resolve(op["responses"]["200"]["content"]["application/json"]["schema"])["properties"]["items"])["items"]
        for column in columns.split():
            at = item
            for part in column.split("."):
                at = member(at, part)
                assert at is not None, (name, column)


def test_a_file_is_the_whole_list(world):
    for n in range(9):
        world.people["brisa"].must("POST", f"/v1/reservations/{world.accept()['id']}/cancel", {}, key=True)
    a_job(world)
    settled(world)
    officer = world.people["officer"]
    for path, key in (("/v1/journal/entries", "index"), ("/v1/grants", "account"), ("/v1/reservations", "id"), ("/v1/requests", "id"), (f"/v1/grants/{world.grants['brisa']}/entries", "index"),
                      ("/v1/journal/entries?kind=HOLD", "index"), ("/v1/reservations?state=settled", "id")):
        items = whole(officer, path)
        mark = "&" if "?" in path else "?"
        first, rows = as_csv(officer.get(f"{path}{mark}format=csv"))
        assert [r[key] for r in rows] == [str(i[key]) for i in items] and items, path
        head, lines = as_lines(officer.get(f"{path}{mark}format=jsonl"))
        assert [r[key] for r in lines] == [i[key] for i in items], path
        assert head["filters"] == first[-1] == path.partition("?")[2]
    _, rows = as_csv(officer.get("/v1/journal/entries?format=csv&kind=HOLD"))
    assert sum(int(r["amount_gpums"]) for r in rows) == sum(int(i["amount_gpums"]) for i in whole(officer, "/v1/journal/entries?kind=HOLD"))
    site = world.people["lumi"]
    assert as_csv(site.get("/v1/sites/lumi/reports?format=csv"))[1] and as_csv(site.get("/v1/sites/lumi/tickets?format=csv"))[1]
    for path in ("/v1/sites", "/v1/offerings", "/v1/policies"):
        assert len(as_csv(world.anybody.get(path + "?format=csv"))[1]) == len(world.anybody.must("GET", path)["items"]), path


def test_the_checkpoint_is_one_that_verifies(world):
    settled(world)
    checkpoint = newest(world, reader(world), 1)
    reply = world.people["auditor"].get("/v1/grants?format=csv")
    first, _ = as_csv(reply)
    size, root, time = reply.headers["kontor-checkpoint"].split(" ")
    assert first[:2] == ["# grants_list", "checkpoint"] and first[3:6] == [size, root, time], first
    head, _ = as_lines(world.people["auditor"].get("/v1/grants?format=jsonl"))
    assert head["checkpoint"] == {"origin": first[2], "size": int(size), "root": root, "time": time} and head["list"] == "grants_list"
    note = world.anybody.get("/checkpoint").body.decode().split("\n")
    assert note[0] == first[2] and int(note[1]) >= int(size) > 0 and len(base64.b64decode(root)) == 32, (note, checkpoint)
    if int(note[1]) == int(size):
        assert note[2] == root
    # of the journal there is nothing that it does not cover
    _, rows = as_csv(world.people["auditor"].get("/v1/journal/entries?format=csv"))
    assert all(int(r["index"]) < int(world.anybody.get("/checkpoint").body.decode().split("\n")[1]) for r in rows)


def test_a_formula_stays_text(world):
    brisa = world.people["brisa"]
    for name in ('=HYPERLINK("http://x","y")', "+1+1", "-2+3", "@SUM(A1)", 'a "quoted", name'):
        brisa.must("POST", "/v1/requests", world.wants(name=name), status=201, key=True)
    settled(world)
    text = brisa.get("/v1/requests?format=csv").body.decode()
    names = {r["name"] for r in as_csv(brisa.get("/v1/requests?format=csv"))[1]}
    assert {"'=HYPERLINK(\"http://x\",\"y\")", "'+1+1", "'-2+3", "'@SUM(A1)", 'a "quoted", name'} <= names, names
    rows = text.partition("\n")[2]  # the head names the tree's root, whose base64 may begin with "+": never a formula, it ends in "="
    assert not re.search(r'(^|[,\n])"?[=+@]', rows), rows
    _, lines = as_lines(brisa.get("/v1/requests?format=jsonl"))
    assert {"+1+1", "@SUM(A1)"} <= {line["name"] for line in lines}  # as it is: no spreadsheet reads this


def test_rights_are_the_lists(world):
    settled(world)
    brisa, nordlys = world.people["brisa"], world.people["nordlys"]
    assert {r["organisation.id"] for r in as_csv(brisa.get("/v1/grants?format=csv"))[1]} == {world.organisations["brisa"]}
    assert all(i["organisation"]["id"] == world.organisations["nordlys"] for i in as_lines(nordlys.get("/v1/reservations?format=jsonl"))[1])
    for path in ("/v1/orders", "/v1/programme/moves", "/v1/programme/shares", "/v1/funds", "/v1/sites/lumi/tickets", "/v1/sites/lumi/reports"):
        assert brisa.get(path + "?format=csv").status == brisa.get(path).status == 403, path
        assert world.anybody.get(path + "?format=csv").status == world.anybody.get(path).status == 401, path
    assert nordlys.get(f"/v1/grants/{world.grants['brisa']}/entries?format=csv").status == 404
    assert as_csv(world.anybody.get("/v1/journal/entries?format=csv"))[1] == [] or world.anybody.must("GET", "/v1/journal/entries")["items"]


def test_what_is_refused(world):
    officer = world.people["officer"]
    for query in ("format=xml", "format=", "format=csv&limit=5", "format=csv&cursor=5", "format=csv&format=csv", "format=csv&nothing=1", "format=csv&state=no"):
        reply = officer.get("/v1/reservations?" + query)
        assert reply.status == 400 and reply.json["code"] == "query-invalid", (query, reply)
    assert officer.get("/v1/me?format=csv").status == 400 or officer.get("/v1/me?format=csv").headers["content-type"].startswith("application/json")
    name = officer.get("/v1/reservations?format=csv").headers["content-disposition"]
    assert name == 'attachment; filename="kontor-reservations_list.csv"', name


class Slow:
    """Whoever asks for a file, reads a little of it, and no more for now."""

    def __init__(self, world, client, path, version="1.1"):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(60)
        self.socket.connect(("127.0.0.1", world.server.port))
        self.socket.sendall(f"GET {path} HTTP/{version}\r\nHost: 127.0.0.1:{world.server.port}\r\nCookie: {client.cookie}\r\n\r\n".encode())
        self.begun = self.socket.recv(1000)

    def rest(self):
        """All that comes, and whether it broke off visibly."""
        text, broken = self.begun, False
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        try:
            while more := self.socket.recv(1 << 16):
                text += more
        except ConnectionResetError:
            broken = True
        self.socket.close()
        return text, broken


def test_a_file_ends_with_the_right_to_it(world):
    """Who loses a role or signs out in the middle gets no more, and sees that the file is not whole, by HTTP/1.0 too, which proxies may speak."""
    org = world.order("/v1/organisations", {"name": "Long history", "country": "ES", "city": "Vigo", "lat_milli": 1, "lon_milli": 2})["id"]
    world.person("stays", [{"role": "owner", "organisation": org}])
    person, rows = world.ids["stays"], 8000  # seven megabytes: more than sockets hold
    world.server.sql(f"INSERT INTO right_change (id, at_ms, by_person, by_name, person, name, what, role, organisation, site, reason)"
                     f" SELECT gen_random_uuid(), 1, '{person}', repeat('b', 120), '{person}', repeat('n', 120), 1, 2, '{org}', -1, repeat('r', 500) FROM generate_series(1, {rows})")
    path = f"/v1/organisations/{org}/rights?format=jsonl"
    for version, how in (("1.1", "role"), ("1.0", "sign-out"), ("1.0", None)):
        name = f"leaver {version} {how}".replace(".", "").replace(" ", "_")
        client = world.person(name, [{"role": "owner", "organisation": org}])
        slow = Slow(world, client, path, version)
        assert slow.begun.startswith(b"HTTP/1.1 200"), slow.begun
        if how == "role":
            world.local.must("POST", f"/v1/people/{world.ids[name]}/roles/remove", {"roles": [{"role": "owner", "organisation": org}], "reason": "Left"}, key=True)
        elif how:
            assert client.call("DELETE", "/v1/session").status == 204
        text, broken = slow.rest()
        assert broken == bool(how), (version, how, len(text))
        assert (text.count(b"rrrr\"}\n") >= rows) == (not how), (version, how, text.count(b"rrrr\"}\n"))
