"""Runs the unittest cases of one file and reports them as TAP, so that meson sees each of them.

    tap.py tests/integration/test_door.py [NAME…]     NAME as unittest has it: Class or Class.test_method
"""
import importlib.util
import pathlib
import sys
import unittest
import warnings


class TapResult(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.n = 0
        self.failed_parts = set()

    def _report(self, good, test, note=""):
        self.n += 1
        name = test.id().split(".", 1)[-1].replace("#", "")
        print(f"{'ok' if good else 'not ok'} {self.n} - {name}{note}", flush=True)

    def _explain(self, test, fault):
        for line in self._exc_info_to_string(fault, test).splitlines():
            print(f"# {line}", flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self._report(True, test)

    def stopTest(self, test):
        super().stopTest(test)
        if test.id() in self.failed_parts:
            self._report(False, test)

    def addSubTest(self, test, subtest, fault):
        super().addSubTest(test, subtest, fault)
        if fault:
            self.failed_parts.add(test.id())
            print(f"# {subtest.id()}")
            self._explain(test, fault)

    def addFailure(self, test, fault):
        super().addFailure(test, fault)
        self._explain(test, fault)
        self._report(False, test)

    def addError(self, test, fault):
        super().addError(test, fault)
        self._explain(test, fault)
        self._report(False, test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._report(True, test, f" # SKIP {reason}")


def main():
    path = pathlib.Path(sys.argv[1]).resolve()
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    warnings.simplefilter("ignore", ResourceWarning)
    loader = unittest.defaultTestLoader
    suite = loader.loadTestsFromNames(sys.argv[2:], module) if sys.argv[2:] else loader.loadTestsFromModule(module)
    result = TapResult()
    suite.run(result)
    print(f"1..{result.n}", flush=True)
    return 0 if result.wasSuccessful() and result.n > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
