"""A browser without a network, for tests of pages."""

import asyncio
import base64
import json
import re
import shutil
import subprocess
import time
import urllib.request

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Browser:
    """Chromium without a network, spoken to by its own protocol."""

    def __init__(self, address: str, folder):
        self.folder, self.number = folder, 0
        self.loop = asyncio.new_event_loop()
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--window-size=1350,1000"]
        options += ["--remote-debugging-port=0", f"--user-data-dir={folder / 'profile'}"]
        options += [
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            "--disable-background-networking",
        ]
        self.process = subprocess.Popen([CHROMIUM, *options, address], stderr=subprocess.PIPE, text=True)
        line = next(line for line in self.process.stderr if "DevTools listening on" in line)
        port = re.search(r":(\d+)/", line)[1]
        for _ in range(50):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json") as answer:
                pages = [one for one in json.load(answer) if one["url"] == address]
            if pages:
                break
        self.socket = self.loop.run_until_complete(self._connect(pages[0]["webSocketDebuggerUrl"]))
        self._wait_for_the_page()

    async def _connect(self, address):
        from tornado.websocket import websocket_connect

        return await websocket_connect(address, max_message_size=2**27)

    def _wait_for_the_page(self):
        """What is asked before would be asked of the empty page, which goes."""
        for _ in range(600):
            state = self.ask("Runtime.evaluate", expression="location.href + document.readyState")["result"]
            if state.get("value", "").endswith("complete") and "about:" not in state["value"]:
                return
            time.sleep(0.1)

    def ask(self, method: str, session: str | None = None, **parameters):
        async def ask():
            self.number += 1
            message = {"id": self.number, "method": method, "params": parameters}
            message |= {"sessionId": session} if session else {}
            await self.socket.write_message(json.dumps(message))
            while True:
                answer = json.loads(await self.socket.read_message())
                if answer.get("id") == self.number:
                    assert "error" not in answer, answer
                    return answer["result"]

        return self.loop.run_until_complete(asyncio.wait_for(ask(), 60))

    def run(self, script: str, session: str | None = None):
        """Value of a piece of JavaScript, in the page or in a frame of it."""
        asked = {"expression": script, "returnByValue": True, "awaitPromise": True}
        done = self.ask("Runtime.evaluate", session, **asked)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def frame(self, address: str) -> str:
        """Wait for a frame that Chromium keeps apart, with this address; `run` takes it for ``session``."""
        for _ in range(200):
            targets = self.ask("Target.getTargets")["targetInfos"]
            found = [one["targetId"] for one in targets if one["url"].startswith(address)]
            if found:
                return self.ask("Target.attachToTarget", targetId=found[0], flatten=True)["sessionId"]
            time.sleep(0.1)
        raise AssertionError(f"there is no frame {address}: {targets}")

    def click(self, x: float, y: float):
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def hover(self, x: float, y: float):
        self.ask("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def screenshot(self, name: str) -> bytes:
        self.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        picture = base64.b64decode(self.ask("Page.captureScreenshot")["data"])
        (self.folder / name).write_bytes(picture)
        return picture

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()
        self.loop.close()
