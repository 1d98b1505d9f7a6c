"""Named cases, how they are run, and what is said of them: as text and as JUnit's XML."""

import re
import threading
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Callable
from xml.etree import ElementTree

from .wire import Broken


class Skipped(Exception):
    """Why a case cannot be tried here."""


@dataclass
class Case:
    name: str
    sections: str
    promise: str
    run: Callable
    level: str  # "must" or "should"
    when: str  # "aside" in a thread of its own, "" in turn, "last" alone at the end


@dataclass
class Result:
    case: Case
    outcome: str  # passed, failed, known, mended, skipped, advised
    text: str = ""
    seconds: float = 0


class Suite:
    def __init__(self):
        self.cases: list[Case] = []
        self.was_interrupted = False

    def case(self, name: str, sections: str, promise: str, level: str = "must", when: str = ""):
        """Adds the decorated function as a case; it raises Broken where the promise is not kept."""
        def add(function):
            assert all(other.name != name for other in self.cases), name
            self.cases.append(Case(name, sections, promise, function, level, when))
            return function
        return add

    def run(self, pattern: str, known: dict[str, str], verbose: bool, *arguments) -> list[Result]:
        """The results of the cases that match; those that an interruption (Ctrl-C, SIGTERM) left are skipped."""
        chosen = [case for case in self.cases if re.search(pattern, case.name)]
        results: dict[str, Result] = {}

        def run_one(case: Case):
            results[case.name] = judge(case, known.get(case.name), arguments)
            tell(results[case.name], verbose)

        aside = [threading.Thread(target=run_one, args=(case,), daemon=True)
                 for case in chosen if case.when == "aside"]
        for thread in aside:
            thread.start()
        try:
            for case in chosen:
                if case.when == "":
                    run_one(case)
            for thread in aside:
                thread.join()
            for case in chosen:
                if case.when == "last":
                    run_one(case)
        except KeyboardInterrupt:
            self.was_interrupted = True
        return [results.get(case.name) or Result(case, "skipped", "not tried: interrupted") for case in chosen]


def judge(case: Case, known: str | None, arguments: tuple) -> Result:
    begun = time.monotonic()
    try:
        case.run(*arguments)
        result = Result(case, "passed")
        if known:
            result = Result(case, "mended", "passes now: take it out of the list of known failures")
    except Skipped as reason:
        result = Result(case, "skipped", str(reason))
    except Broken as reason:
        result = Result(case, "advised" if case.level == "should" else "failed", str(reason))
    except OSError as error:
        result = Result(case, "failed", f"the connection failed: {error}")
    except Exception:  # a bug of the program must not hide the other cases
        result = Result(case, "failed", traceback.format_exc())
    if known and result.outcome in ("failed", "advised"):
        result = Result(case, "known", f"{result.text} (known: {known})")
    result.seconds = time.monotonic() - begun
    return result


def known_failures(path: str | None) -> dict[str, str]:
    """Lines of `name: reason`; `#` begins a comment."""
    out = {}
    for line in Path(path).read_text().splitlines() if path else []:
        if line.strip() and not line.startswith("#"):
            name, _, reason = line.partition(":")
            out[name.strip()] = reason.strip()
    return out


def tell(result: Result, verbose: bool):
    if verbose or result.outcome not in ("passed", "skipped"):
        case = result.case
        said = f"{result.outcome:8} {case.name} (section {case.sections}): {case.promise}"
        if result.text:
            said += "\n         " + result.text.strip().replace("\n", "\n         ")
        print(said, flush=True)


def report(title: str, results: list[Result], seconds: float, junit: str | None) -> int:
    """Prints the sums; returns the exit status: 0 if nothing failed. `seconds`: of all cases, by the clock."""
    count = {outcome: sum(result.outcome == outcome for result in results)
             for outcome in ("passed", "failed", "mended", "known", "advised", "skipped")}
    print(f"{title}: " + ", ".join(f"{number} {outcome}" for outcome, number in count.items()
                                   if number or outcome == "passed") + f", in {seconds:.0f} s")
    if junit:
        write_junit(title, results, seconds, junit)
    return 1 if count["failed"] or not count["passed"] else 0


def write_junit(title: str, results: list[Result], seconds: float, path: str):
    suite = ElementTree.Element(
        "testsuite", name=title, tests=str(len(results)), errors="0",
        failures=str(sum(result.outcome == "failed" for result in results)),
        skipped=str(sum(result.outcome in ("skipped", "known", "advised") for result in results)),
        time=f"{seconds:.3f}")
    for result in results:
        case = ElementTree.SubElement(
            suite, "testcase", classname=f"{title}.section-{result.case.sections.split(',')[0]}",
            name=result.case.name, time=f"{result.seconds:.3f}")
        if result.outcome == "failed":
            ElementTree.SubElement(case, "failure", message=result.case.promise).text = result.text
        elif result.outcome not in ("passed", "mended"):
            ElementTree.SubElement(case, "skipped", message=result.text)
    ElementTree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)
