"""The package against a real daemon. `python -m unittest` with RIFFD naming the program."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest
from collections.abc import Callable

import riff
from riff.codec import DecodeError
from riff.exchange import Exchange
from riff.messages import GenerateRequest, JobEvent, Progress

RIFFD = os.environ.get("RIFFD", "riffd")


class DaemonTest(unittest.TestCase):
    """Tests that share a daemon."""

    folder: str
    socket: str
    daemon: subprocess.Popen[bytes]

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.mkdtemp()
        cls.socket = f"{cls.folder}/riffd.sock"
        cls.daemon = subprocess.Popen([RIFFD, "--socket", cls.socket], stderr=subprocess.DEVNULL)
        for _ in range(600):
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as link:
                link.connect(cls.socket)
                return
            time.sleep(0.05)
        raise RuntimeError("riffd did not start")

    @classmethod
    def tearDownClass(cls) -> None:
        cls.daemon.terminate()
        cls.daemon.wait()
        shutil.rmtree(cls.folder)

    def client(self, timeout: float | None = None) -> riff.Client:
        return riff.Client(self.socket, timeout)


class Jobs(DaemonTest):
    def test_a_morph_turns_from_one_prompt_into_another(self) -> None:
        end = riff.MorphEnd(prompt="techno", seed=9)
        clip = self.client().morph("church bells", end, clips=2, width=64, steps=2, seed=1).clip()
        self.assertEqual(clip.data[:4], b"OggS")
        self.assertEqual(clip.sample_count, 2 * 64 * 960)
        self.assertEqual(clip.settings["method"], "Morph")

    def test_a_jam_plays_until_it_is_stopped(self) -> None:
        jam = self.client().jam({"techno": 2, "jazz": 1}, bpm=120, seed=1, steps=6, unpaced=True)
        asked, change, sound = 0, None, b""
        for event in jam:
            if event.audio is not None:
                sound += event.audio
                asked = asked or jam.change("harp, dreamy", guidance_scale=3)
            if event.change is not None:
                change = event.change
                jam.stop()
            if event.done is not None:
                self.assertGreater(event.done.duration_samples, 9_600)
        self.assertEqual(sound[:4], b"OggS")
        assert change is not None
        self.assertEqual(change.id, asked)

    def test_a_prompt_becomes_a_clip(self) -> None:
        clip = self.client().generate("church bells", seed=7, steps=4, want_spectrogram=True).clip()
        self.assertEqual(clip.data[:4], b"OggS")
        self.assertEqual(clip.spectrogram[1:4], b"PNG")
        self.assertEqual(clip.seed, 7)
        self.assertGreater(clip.seconds, 1)
        self.assertIn("<audio controls src=", clip._repr_html_())

    def test_events_come_in_the_promised_order(self) -> None:
        kinds = []
        for event in self.client().generate("harp", seed=1, steps=4):
            kinds.append("audio" if event.audio is not None else "done" if event.done is not None else "other")
        self.assertEqual(kinds[-1], "done")
        self.assertLess(kinds.index("audio"), kinds.index("done"))
        self.assertEqual(kinds.count("done"), 1)

    def test_floats_are_samples(self) -> None:
        clip = self.client().generate("harp", seed=1, steps=4, output=riff.OutputFormat.PCM_F32).clip()
        samples = clip.samples()
        self.assertEqual(samples.shape, (clip.sample_count, clip.channels))
        self.assertGreater(float(abs(samples).max()), 0.01)

    def test_an_upload_larger_than_the_credit_goes_there_and_back(self) -> None:
        sound = wav(seconds=20)
        self.assertGreater(len(sound), 2 * (1 << 18))
        picture = self.client().analyze(sound)
        self.assertEqual(picture.png[1:4], b"PNG")
        clip = self.client().render(picture.png).clip()
        self.assertEqual(clip.data[:4], b"OggS")
        self.assertAlmostEqual(clip.seconds, 20, delta=0.1)

    def test_remix_takes_a_path(self) -> None:
        path = pathlib.Path(self.folder, "tone.wav")
        path.write_bytes(wav(seconds=2))
        clip = self.client().remix(path, "flute", strength=0.5, steps=4, seed=3).clip()
        self.assertEqual(clip.data[:4], b"OggS")

    def test_a_clip_goes_on(self) -> None:
        clip = self.client().extend(wav(seconds=2), "flute", 1.5, before=True, steps=4, seed=3).clip()
        self.assertAlmostEqual(clip.seconds, 3.5, delta=0.001)

    def test_remix_takes_the_other_options(self) -> None:
        options = riff.RemixOptions(span=riff.Span(), keep_below_hz=200)
        job = self.client().remix(wav(seconds=2), "flute", options=options, steps=4, seed=3)
        warnings = [event.warning for event in job if event.warning]
        self.assertTrue(any("keep_below_hz" in warning for warning in warnings), warnings)

    def test_a_loop_of_bars(self) -> None:
        clip = self.client().generate("drums", loop=True, bpm=120, bars=1, steps=4, seed=3).clip()
        self.assertAlmostEqual(clip.seconds, 2, delta=1e-6)

    def test_a_wrong_field_is_named(self) -> None:
        with self.assertRaises(riff.RiffError) as caught:
            self.client().generate("harp", steps=5000).clip()
        self.assertEqual(caught.exception.code, riff.Code.INVALID_ARGUMENT)
        self.assertEqual([violation.field for violation in caught.exception.violations], ["steps"])

    def test_an_abandoned_job_stops(self) -> None:
        events = iter(self.client().generate("harp", steps=1000, duration_seconds=20))
        next(events)
        del events
        for _ in range(200):
            if not self.client().status().jobs:
                return
            time.sleep(0.05)
        self.fail("the job went on")

    def test_a_deadline_ends_the_call(self) -> None:
        with self.assertRaises(riff.RiffError) as caught:
            self.client(timeout=0.3).generate("harp", steps=1000, duration_seconds=20).clip()
        self.assertEqual(caught.exception.code, riff.Code.DEADLINE_EXCEEDED)

    def test_models_and_status(self) -> None:
        self.assertIn("riff-mini", [model.name for model in self.client().models()])
        self.assertEqual(self.client().status().pid, self.daemon.pid)

    def test_threads_share_a_client(self) -> None:
        client = self.client()
        clips: list[riff.Clip] = []
        threads = [
            threading.Thread(target=lambda seed=seed: clips.append(client.generate("harp", seed=seed, steps=2).clip()))
            for seed in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(clip.seed for clip in clips), [0, 1, 2, 3])


    def test_a_source_that_cannot_be_read_is_not_the_daemons_fault(self) -> None:
        class Broken:
            def read(self, size: int) -> bytes:
                raise OSError("the disk is broken")

        client = self.client()
        with tempfile.TemporaryDirectory() as folder:
            text = pathlib.Path(folder, "text.wav")
            text.write_text("words")
            with open(text) as words:
                for source, error in (
                    (f"{folder}/none.wav", FileNotFoundError),
                    (folder, IsADirectoryError),
                    (Broken(), OSError),
                    (words, TypeError),
                ):
                    with self.subTest(source=source):
                        with self.assertRaises(error) as caught:
                            client.remix(source, "harp").clip()  # type: ignore[arg-type]
                        self.assertNotIsInstance(caught.exception, riff.RiffError)
            with self.assertRaises(FileNotFoundError):
                client.analyze(f"{folder}/none.wav")
            with self.assertRaises(FileNotFoundError):
                asyncio.run(riff.AsyncClient(self.socket).analyze(f"{folder}/none.wav"))
        for _ in range(100):
            if not client.status().jobs:
                break
            time.sleep(0.05)
        self.assertEqual(client.status().jobs, [])


class AsyncJobs(DaemonTest):
    def test_jobs_run_side_by_side(self) -> None:
        async def main() -> list[riff.Clip]:
            client = riff.AsyncClient(self.socket)
            return await asyncio.gather(*(client.generate("harp", seed=seed, steps=2).clip() for seed in range(3)))

        self.assertEqual([clip.seed for clip in asyncio.run(main())], [0, 1, 2])

    def test_the_same_seed_gives_the_same_picture_as_the_blocking_client(self) -> None:
        async def main() -> riff.Clip:
            return (
                await riff.AsyncClient(self.socket)
                .generate("harp", seed=5, steps=2, output=riff.OutputFormat.PCM_F32)
                .clip()
            )

        blocking = self.client().generate("harp", seed=5, steps=2, output=riff.OutputFormat.PCM_F32).clip()
        self.assertEqual(asyncio.run(main()).data, blocking.data)

    def test_a_jam_is_steered_while_it_plays(self) -> None:
        async def main() -> tuple[int, int]:
            jam = riff.AsyncClient(self.socket).jam("techno, 120 bpm", seed=1, steps=6, unpaced=True)
            asked = heard = 0
            async for event in jam:
                if event.audio is not None:
                    asked = asked or jam.change(bpm=100)
                if event.change is not None:
                    heard = event.change.id
                    jam.stop()
            return asked, heard

        self.assertEqual(asyncio.run(main()), (1, 1))

    def test_an_upload_and_a_cancelled_task(self) -> None:
        async def main() -> None:
            client = riff.AsyncClient(self.socket)
            picture = await client.analyze(wav(seconds=20))
            self.assertEqual(picture.png[1:4], b"PNG")
            job = asyncio.create_task(client.generate("harp", steps=1000, duration_seconds=20).clip())
            await asyncio.sleep(0.3)
            job.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await job
            for _ in range(200):
                if not (await client.status()).jobs:
                    return
                await asyncio.sleep(0.05)
            self.fail("the job went on")

        asyncio.run(main())

    def test_a_deadline(self) -> None:
        async def main() -> None:
            await riff.AsyncClient(self.socket, timeout=0.3).generate("harp", steps=1000, duration_seconds=20).clip()

        with self.assertRaises(riff.RiffError) as caught:
            asyncio.run(main())
        self.assertEqual(caught.exception.code, riff.Code.DEADLINE_EXCEEDED)


NOBODY = 65534
OTHERS = 100


@unittest.skipUnless(os.getuid() == 0, "needs root: setpriv makes the second user")
class AnotherUser(unittest.TestCase):
    """A daemon that its user shares with a group, as users in it and others see it."""

    folder: str

    def setUp(self) -> None:
        self.folder = tempfile.mkdtemp()
        os.chmod(self.folder, 0o755)
        self.socket = f"{self.folder}/shared/s"
        self.daemon = subprocess.Popen(
            [RIFFD, "--socket", self.socket, "--allow-group", str(OTHERS)], stderr=subprocess.DEVNULL
        )
        # What another user can read.
        shutil.copytree(pathlib.Path(riff.__file__).parent, f"{self.folder}/riff")
        subprocess.run(["chmod", "-R", "a+rX", f"{self.folder}/riff"], check=True)
        for _ in range(600):
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as link:
                link.connect(self.socket)
                return
            time.sleep(0.05)
        raise RuntimeError("riffd did not start")

    def tearDown(self) -> None:
        self.daemon.terminate()
        self.daemon.wait()
        shutil.rmtree(self.folder)

    def ask(self, groups: str, arguments: str) -> str:
        script = (
            f"import asyncio, riff\ntry: print(riff.Client({arguments}).status().pid,"
            f" asyncio.run(riff.aio.AsyncClient({arguments}).status()).pid)\n"
            "except riff.RiffError as error: print(error.code.name, error)"
        )
        identity = [f"--reuid={NOBODY}", f"--regid={NOBODY}", groups]
        program = [shutil.which("python3", path="/usr/bin:/usr/local/bin") or "python3", "-B", "-c", script]
        done = subprocess.run(
            ["setpriv", *identity, *program],
            capture_output=True,
            text=True,
            env={"PYTHONPATH": self.folder, "PATH": os.environ["PATH"]},
        )
        return done.stdout + done.stderr

    def test_who_is_in_the_group_names_it_and_gets_in(self) -> None:
        pid = f"{self.daemon.pid} {self.daemon.pid}\n"
        self.assertEqual(self.ask(f"--groups={OTHERS}", f"{self.socket!r}, group='{OTHERS}'"), pid)
        unnamed = self.ask(f"--groups={OTHERS}", repr(self.socket))
        self.assertIn("PERMISSION_DENIED", unnamed)
        outside = self.ask("--clear-groups", f"{self.socket!r}, group='{OTHERS}'")
        self.assertIn("UNAVAILABLE", outside)
        # A folder that anybody in the group could have made at a standard path.
        self.assertIn("INVALID_ARGUMENT", self.ask(f"--groups={OTHERS}", f"group='{OTHERS}'"))
        os.chmod(f"{self.folder}/shared", 0o770)
        self.assertIn("0750", self.ask(f"--groups={OTHERS}", f"{self.socket!r}, group='{OTHERS}'"))


class Evicted(unittest.TestCase):
    """A daemon, played here, that lets connections go before it sees their call."""

    def serve(self, goings: int, last_stream: int | None, ask: Callable[[str], object]) -> tuple[object, list[bytes]]:
        """What `ask` gives, or its error, and what each connection brought, if so many are let go.

        `last_stream`: of the GO_AWAY with which they are; None: without a word, and without a preface.
        """
        brought: list[bytes] = []
        with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
            path = f"{folder}/s"
            listener.bind(path)
            listener.listen()

            def play() -> None:
                with contextlib.suppress(OSError):
                    while True:
                        link, _ = listener.accept()
                        with link:
                            data = b""
                            # To HALF_CLOSE, which is the last frame.
                            while b"\x00\x00\x00\x08\x03\x00" not in data and (part := link.recv(1 << 16)):
                                data += part
                            brought.append(data)
                            answer = riff.exchange.PREFACE
                            if len(brought) <= goings and last_stream is None:
                                answer = b""
                            elif len(brought) <= goings:
                                away = riff.messages.FrameGoAway(
                                    last_stream=last_stream, reason=riff.messages.GoAwayReason.SHUTDOWN, message="full"
                                )
                                answer += riff.exchange._frame(riff.exchange.GO_AWAY, away.encode(), stream=0)
                            else:
                                status = riff.messages.StatusResponse(version="9").encode()
                                answer += riff.exchange._frame(riff.exchange.HEADERS)
                                answer += riff.exchange._frame(riff.exchange.MESSAGE, status, riff.exchange.LAST)
                                answer += riff.exchange._frame(riff.exchange.STATUS)
                            link.sendall(answer)

            thread = threading.Thread(target=play)
            thread.start()
            try:
                result = ask(path)
            except riff.RiffError as error:
                result = error.code
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
        return result, brought

    def ask(self, path: str) -> object:
        return riff.Client(path).status().version

    def ask_async(self, path: str) -> object:
        return asyncio.run(riff.AsyncClient(path).status()).version

    def test_a_call_that_was_not_seen_is_made_again_once(self) -> None:
        for ask in (self.ask, self.ask_async):
            for last_stream in (0, None):
                result, brought = self.serve(1, last_stream, ask)
                self.assertEqual(result, "9")
                self.assertEqual(len(brought), 2)
                self.assertEqual(brought[0], brought[1])
                result, brought = self.serve(2, last_stream, ask)
                self.assertEqual((result, len(brought)), (riff.Code.UNAVAILABLE, 2))

    def test_a_call_that_may_have_been_seen_is_not(self) -> None:
        for ask in (self.ask, self.ask_async):
            result, brought = self.serve(1, 1, ask)
            self.assertEqual((result, len(brought)), (riff.Code.UNAVAILABLE, 1))

    def test_what_was_handed_over_goes_out_again(self) -> None:
        exchange = Exchange("Analyze")
        messages = [bytes([number]) * 100_000 for number in range(4)]
        for message in messages:
            if exchange.wants_request:
                exchange.send(message)
        first = exchange.outgoing()
        away = riff.messages.FrameGoAway(reason=riff.messages.GoAwayReason.SHUTDOWN)
        exchange.receive(riff.exchange.PREFACE + riff.exchange._frame(riff.exchange.GO_AWAY, away.encode(), stream=0))
        self.assertTrue(exchange.ended and exchange.is_unseen)
        exchange.repeat(None)
        self.assertEqual(exchange.outgoing(), first)
        # Any frame of its stream says that the daemon has seen it.
        credit = riff.messages.FrameCredit(bytes=100_000).encode()
        exchange.receive(riff.exchange.PREFACE + riff.exchange._frame(riff.exchange.CREDIT, credit))
        exchange.receive(riff.exchange._frame(riff.exchange.GO_AWAY, away.encode(), stream=0))
        self.assertTrue(exchange.ended and not exchange.is_unseen)


class WithoutADaemon(unittest.TestCase):
    def test_no_daemon_is_unavailable(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            for call in (
                riff.Client(f"{folder}/none.sock").status,
                lambda: asyncio.run(riff.AsyncClient(f"{folder}/none.sock").status()),
            ):
                with self.assertRaises(riff.RiffError) as caught:
                    call()
                self.assertEqual(caught.exception.code, riff.Code.UNAVAILABLE)
                self.assertIn("no riffd is listening", str(caught.exception))

    def test_a_folder_that_others_may_write_to_is_refused(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o777)
            with self.assertRaises(riff.RiffError) as caught:
                riff.Client(f"{folder}/riffd.sock").status()
            self.assertEqual(caught.exception.code, riff.Code.PERMISSION_DENIED)

    def test_saving_overwrites_nothing_unasked(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "a.opus")
            riff.Clip(data=b"OggS1").save(path)
            with self.assertRaises(FileExistsError) as caught:
                riff.Clip(data=b"OggS2").save(path)
            self.assertEqual(caught.exception.filename, str(path))
            self.assertEqual(path.read_bytes(), b"OggS1")
            riff.Clip(data=b"OggS2").save(path, overwrite=True)
            self.assertEqual(path.read_bytes(), b"OggS2")
            self.assertEqual(os.listdir(folder), ["a.opus"])

    def test_saving_under_another_formats_name_is_refused(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "a.wav")
            with self.assertRaises(ValueError):
                riff.Clip(data=b"OggS").save(path)
            self.assertEqual(os.listdir(folder), [])
            riff.Clip(data=b"RIFF", output=riff.OutputFormat.WAV).save(path)
            riff.Clip(data=b"OggS").save(path.with_suffix(".sound"))

    def test_what_is_printed_is_short(self) -> None:
        clip = riff.Clip(data=bytes(100_000), sample_count=96_000, seed=7, model="m")
        self.assertEqual(repr(clip), "<Clip: 2.00 s, OGG_OPUS of 100,000 bytes, seed 7, model 'm'>")
        event = JobEvent(audio=bytes(100_000), progress=Progress(step=3, steps=20))
        self.assertEqual(repr(event), "JobEvent(progress=Progress(step=3, steps=20), audio=<100,000 bytes>)")

    def test_the_wire_format_is_protobuf(self) -> None:
        request = GenerateRequest(prompt="church bells", seed=0, guidance_scale=1.5, eta=0.25)
        data = request.encode()
        self.assertEqual(
            data,
            b"\x0a\x0cchurch bells"
            + b"\x20\x00"
            + b"\x35"
            + struct.pack("<f", 1.5)
            + b"\x81\x01"
            + struct.pack("<d", 0.25),
        )
        self.assertEqual(GenerateRequest.decode(data), request)
        event = JobEvent(progress=Progress(step=3, steps=20))
        self.assertEqual(JobEvent.decode(event.encode() + b"\xf8\x07\x01"), event)

    def test_broken_messages_are_errors(self) -> None:
        for data in (b"\x0a\x7f", b"\x0a", b"\x0b\x00", b"\xff" * 11, b"\x08\x01"):
            with self.subTest(data=data), self.assertRaises(DecodeError):
                GenerateRequest.decode(data)

    def test_broken_frames_end_the_call(self) -> None:
        for data in (
            b"HTTP/1.1",
            b"RIFD\0\2\0\0",
            b"RIFD\0\1\0\0\0\0\0\1",
            b"RIFD\0\1\0\0\xff\xff\xff\xff",
            b"RIFD\0\1\0\0\0\0\0\x08\x02\0\0\1\0\0\0\1",
            b"RIFD\0\1\0\0\0\0\0\x08\x02\0\0\0\0\0\0\3",
            b"",
        ):
            with self.subTest(data=data):
                exchange = Exchange("Status")
                for byte in data:
                    exchange.receive(bytes([byte]))
                if not data:
                    exchange.receive(b"")
                self.assertTrue(exchange.ended)
                self.assertIsNotNone(exchange.error)


def wav(seconds: float, rate: int = 44_100) -> bytes:
    """A tone that beats, 16-bit mono."""
    import math

    count = int(seconds * rate)
    data = b"".join(struct.pack("<h", int(12_000 * math.sin(at * 0.06) * math.sin(at * 0.0003))) for at in range(count))
    form = struct.pack("<IHHIIHH", 16, 1, 1, rate, 2 * rate, 2, 16)
    return b"".join(
        (b"RIFF", struct.pack("<I", 36 + len(data)), b"WAVEfmt ", form, b"data", struct.pack("<I", len(data)), data)
    )


if __name__ == "__main__":
    unittest.main()
