"""A browser without a network, for tests of pages."""

import asyncio
import base64
import json
import re
import shutil
import subprocess
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

    async def _connect(self, address):
        from tornado.websocket import websocket_connect

        return await websocket_connect(address, max_message_size=2**27)

    def ask(self, method: str, **parameters):
        async def ask():
            self.number += 1
            message = {"id": self.number, "method": method, "params": parameters}
            await self.socket.write_message(json.dumps(message))
            while True:
                answer = json.loads(await self.socket.read_message())
                if answer.get("id") == self.number:
                    assert "error" not in answer, answer
                    return answer["result"]

        return self.loop.run_until_complete(asyncio.wait_for(ask(), 60))

    def run(self, script: str):
        """Value of a piece of JavaScript."""
        done = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

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
