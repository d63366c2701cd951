# SPDX-License-Identifier: MIT
# The counting of what a guest reports. A mistake here would turn failures green, and no guest would show
# it, so the ways to fail are each tried: a bad status, a printed failure, a test or a guest that never ends.

import os
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import boot     # noqa: E402


def guest(*tests, done=True):
    """What a guest writes that ran these (printed, status) pairs; a status of None is a test without an end."""
    text = "@start 6.1 1.00\n"
    for printed, status in tests:
        text += "@begin /t/one 1.00\n%s\n" % printed
        text += "" if status is None else "@end %d 2.50\n" % status
    return boot.parse(text + ("@done 3.00\n" if done else ""))


class Counting(unittest.TestCase):
    def counts(self, expected, *tests, done=True):
        self.assertEqual(guest(*tests, done=done).counts(), expected)

    def test_a_plain_program_is_one_test(self):
        self.counts((1, 0, 0), ("hello", 0))
        self.counts((0, 1, 0), ("hello", 1))

    def test_libcheck_lines_are_summed(self):
        self.counts((28, 2, 0), ("95%: Checks: 20, Failures: 1, Errors: 0\n90%: Checks: 10, Failures: 0, Errors: 1", 1))

    def test_tap_lines_are_counted(self):
        self.counts((1, 1, 1), ("ok 1 - a\nnot ok 2 - b\nok 3 - c # SKIP no cause\n1..3", 1))

    def test_a_bad_status_fails_whatever_was_printed(self):
        self.counts((20, 1, 0), ("100%: Checks: 20, Failures: 0, Errors: 0", 139))

    def test_a_printed_failure_fails_whatever_the_status(self):
        self.counts((0, 1, 0), ("not ok 1 - a", 0))

    def test_77_is_a_skip_with_its_last_line_as_reason(self):
        report = guest(("trying\nno such module", 77))
        self.assertEqual(report.counts(), (0, 0, 1))
        self.assertEqual(report.tests[0].skip_reasons(), ["no such module"])

    def test_a_test_without_an_end_fails(self):
        self.counts((0, 2, 0), ("hello", None), done=False)

    def test_a_guest_without_an_end_fails_even_after_good_tests(self):
        self.counts((1, 1, 0), ("hello", 0), done=False)
        self.assertEqual(boot.parse("").counts(), (0, 1, 0))

    def test_a_missing_module_fails(self):
        report = boot.parse("@warning no module nft_queue\n@start 6.1 1.00\n@done 2.00\n")
        self.assertEqual(report.counts(), (0, 1, 0))

    def test_carriage_returns_of_a_serial_line_do_not_matter(self):
        report = boot.parse("@begin /t/one 1.00\r\nok 1 - a\r\n@end 0 2.00\r\n@done 3.00\r\n")
        self.assertEqual(report.counts(), (1, 0, 0))


if __name__ == "__main__":
    unittest.main()
