"""What tests of the running gateway have in common."""

import sys
import unittest

from support.gateway import Gateway


class GatewayTest(unittest.TestCase):
    longMessage = True

    def gateway(self, *arguments, start=True, **named):
        """A gateway that ends with the test; what it said is shown when the test fails."""
        gateway = Gateway(*arguments, **named)
        self.addCleanup(self.finish, gateway)
        return gateway.start() if start else gateway

    def finish(self, gateway):
        try:
            gateway.check_stderr()
        finally:
            if self.has_failed():
                print(gateway.describe(), file=sys.stderr)
            gateway.close()

    def has_failed(self):
        result = self._outcome.result
        return any(test is self or getattr(test, "test_case", None) is self for test, _ in result.failures + result.errors)

    def measured(self, text):
        """Figures are worth reading even when nothing fails."""
        print(f"  {self._testMethodName}: {text}", flush=True)

    def assert_reply(self, reply, code, pattern=None):
        self.assertEqual(reply.code, code, reply)
        if pattern is not None:
            self.assertRegex(reply.text, pattern)


class SharedGatewayTest(unittest.TestCase):
    """One gateway for all tests of the class, as GATEWAY describes it."""

    GATEWAY = {}
    gateway = None

    @classmethod
    def setUpClass(cls):
        cls.gateway = Gateway(**cls.GATEWAY)
        cls.addClassCleanup(cls.gateway.close)
        cls.gateway.start()

    @classmethod
    def tearDownClass(cls):
        if cls.gateway.process.poll() is not None:
            raise AssertionError("the gateway ended by itself:\n" + cls.gateway.describe())
        cls.gateway.check_stderr()

    def client(self, **more):
        client = self.gateway.client(**more)
        self.addCleanup(client.close)
        return client

    def measured(self, text):
        print(f"  {self._testMethodName}: {text}", flush=True)

    assert_reply = GatewayTest.assert_reply
