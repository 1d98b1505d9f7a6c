"""Work that many threads share."""

import threading

from .stand import Run


def share(run: Run, threads: int, count: int, work, what: str, until=None):
    """Calls `work(index, chance)` for 0 ..< count in so many threads, each with a chance of its own; what is raised is
    a finding. `until` ends it early."""
    seeds = [run.chance.getrandbits(32) for _ in range(threads)]
    lock, next_index = threading.Lock(), iter(range(count))

    def one(seed):
        chance = type(run.chance)(seed)
        while until is None or not until():
            with lock:
                index = next(next_index, None)
            if index is None:
                return
            try:
                work(index, chance)
            except Exception as error:  # noqa: BLE001
                run.find(f"{what} {index}: {type(error).__name__}: {error}")

    workers = [threading.Thread(target=one, args=(seed,), daemon=True) for seed in seeds]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
