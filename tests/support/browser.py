# SPDX-License-Identifier: Apache-2.0
"""Headless Chromium for tests, driven over WebDriver by nothing but Python's
own library: Debian's chromium and chromium-driver."""
import base64
import http.client
import json
import os
import shutil
import subprocess
import tempfile
import time

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


def missing():
    """What a test must say when it skips; "" if nothing is missing."""
    lacks = [p for p in ("chromium", "chromedriver") if not shutil.which(p)]
    return "no " + " and no ".join(lacks) if lacks else ""


class Browser:
    def __init__(self, dark=False, width=1280, height=1000):
        self.dir = tempfile.mkdtemp(prefix="donjon-browser-")
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, cwd=self.dir)
        port = None
        for line in self.driver.stdout:
            if b"started successfully on port " in line:
                port = int(line.split(b"on port ")[1].strip(b" .\n"))
                break
        if port is None:
            raise RuntimeError("chromedriver does not start")
        self.http = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        args = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                "--user-data-dir=" + self.dir + "/profile", "--window-size=%d,%d" % (width, height),
                "--force-device-scale-factor=1"] + (["--force-dark-mode", "--blink-settings=preferredColorScheme=0"] if dark else [])
        r = self.ask("POST", "/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": {"args": args, "binary": shutil.which("chromium")},
            "goog:loggingPrefs": {"browser": "ALL"}}}})
        self.base = "/session/" + r["sessionId"]

    def ask(self, method, path, body=None):
        self.http.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
        r = self.http.getresponse()
        v = json.loads(r.read())["value"]
        if r.status != 200:
            raise RuntimeError("%s: %s" % (path, v.get("message", v)[:300]))
        return v

    def go(self, url):
        self.ask("POST", self.base + "/url", {"url": url})

    def url(self):
        return self.ask("GET", self.base + "/url")

    def title(self):
        return self.ask("GET", self.base + "/title")

    def run(self, script, *args):
        return self.ask("POST", self.base + "/execute/sync", {"script": script, "args": list(args)})

    def wait(self, script, seconds=10):
        end = time.time() + seconds
        while time.time() < end:
            v = self.run(script)
            if v:
                return v
            time.sleep(0.1)
        return None

    def keys(self, text):
        """Typed into the page; \\ue004 is Tab, \\ue007 Enter."""
        acts = [a for c in text for a in ({"type": "keyDown", "value": c}, {"type": "keyUp", "value": c})]
        self.ask("POST", self.base + "/actions", {"actions": [{"type": "key", "id": "k", "actions": acts}]})

    def source(self):
        return self.ask("GET", self.base + "/source")

    def log(self):
        """What the page's console got since it was asked last."""
        return [e["message"] for e in self.ask("POST", self.base + "/se/log", {"type": "browser"})]

    def shot(self, path):
        with open(path, "wb") as f:
            f.write(base64.b64decode(self.ask("GET", self.base + "/screenshot")))

    def size(self, width, height):
        self.ask("POST", self.base + "/window/rect", {"width": width, "height": height})

    def close_others(self):
        """All windows but this one."""
        here = self.ask("GET", self.base + "/window")
        for w in self.ask("GET", self.base + "/window/handles"):
            if w != here:
                self.ask("POST", self.base + "/window", {"handle": w})
                self.ask("DELETE", self.base + "/window")
        self.ask("POST", self.base + "/window", {"handle": here})

    def close(self):
        try:
            self.ask("DELETE", self.base)
        except (OSError, RuntimeError, http.client.HTTPException):
            pass
        self.driver.terminate()
        try:
            self.driver.wait(10)
        except subprocess.TimeoutExpired:
            self.driver.kill()
            self.driver.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *a):
        self.close()
