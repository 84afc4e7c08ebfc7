"""The comparison must let pass what is variable, and nothing else."""

import base64
import json
import unittest

from harness.tokens import Correspondence

ONE = "0e74987c-b8bb-4ac0-bcb8-e7d549e40ec5"
TWO = "9fc39257-f81f-47fa-8933-226cc091d993"
LIVE_ONE = "11e4987c-b8bb-4ac0-bcb8-e7d549e40ec5"
LIVE_TWO = "22c39257-f81f-47fa-8933-226cc091d993"
RECORDED_AT = 1795217600.0


def encoded(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


class Comparing(unittest.TestCase):
    def setUp(self):
        self.tokens = Correspondence(RECORDED_AT, RECORDED_AT + 600)

    def paths(self, recorded, live):
        return [path for path, *_ in self.tokens.compare(recorded, live)]

    def test_an_id_stands_for_one_other(self):
        self.assertEqual(self.paths({"id": ONE}, {"id": LIVE_ONE}), [])
        self.assertEqual(self.paths({"id": ONE}, {"id": LIVE_TWO}), ["$.id"])

    def test_two_ids_do_not_become_one(self):
        self.assertEqual(self.paths([ONE, TWO], [LIVE_ONE, LIVE_ONE]), ["$[1]"])

    def test_a_bls_key_is_one_whatever_it_begins_with(self):
        self.assertEqual(self.paths({"verkey": "2" * 131}, {"verkey": "z" + "K" * 130}), [])
        self.assertEqual(self.paths({"verkey": "2" * 131}, {"verkey": "z" + "K" * 87}), ["$.verkey"])

    def test_an_id_inside_a_text_is_followed(self):
        self.tokens.bind(ONE, LIVE_ONE)
        text = "400: Record not found: connection/{}."
        self.assertEqual(self.paths(text.format(ONE), text.format(LIVE_ONE)), [])
        self.assertEqual(self.paths(text.format(ONE), text.format(LIVE_TWO)), ["$"])
        self.assertEqual(self.paths(text.format(ONE), f"400: No connection {LIVE_ONE}."), ["$"])

    def test_missing_and_extra_members_are_differences(self):
        self.assertEqual(self.paths({"a": 1, "b": 2}, {"b": 2, "c": 3}), ["$.a", "$.c"])

    def test_true_is_not_one(self):
        self.assertEqual(self.paths({"a": True}, {"a": 1}), ["$.a"])

    def test_times_keep_their_form(self):
        self.assertEqual(self.paths("2026-11-20T23:33:38.719193Z", "2027-01-01T00:00:00.000001Z"), [])
        self.assertEqual(self.paths("2026-11-20T23:33:38+00:00", "2027-01-01T00:00:00Z"), ["$"])

    def test_a_given_time_is_not_variable(self):
        self.assertEqual(self.paths("2024-01-01T00:00:00Z", "2024-01-01T00:00:01Z"), ["$"])

    def test_one_save_has_one_time(self):
        recorded = ["2026-11-20T23:33:38.719193Z", "2026-11-20T23:33:38.719193Z"]
        self.assertEqual(self.paths(recorded, ["2027-01-01T00:00:00.000001Z", "2027-01-01T00:00:00.000002Z"]), ["$[1]"])

    def test_base64_json_is_looked_into(self):
        recorded = {"data": {"base64": encoded({"id": ONE, "name": "Alice"})}}
        self.assertEqual(self.paths(recorded, {"data": {"base64": encoded({"name": "Alice", "id": LIVE_ONE})}}), [])
        wrong = {"data": {"base64": encoded({"id": LIVE_ONE, "name": "Mallory"})}}
        self.assertEqual(self.paths(recorded, wrong), ["$.data.base64(decoded).name"])

    def test_an_invitation_url_is_looked_into(self):
        url = "http://127.0.0.1:8030?oob={}"
        self.tokens.bind("127.0.0.1:8030", "127.0.0.1:45001")
        live = "http://127.0.0.1:45001?oob={}"
        self.assertEqual(self.paths(url.format(encoded({"@id": ONE})), live.format(encoded({"@id": LIVE_ONE}))), [])
        self.assertEqual(self.paths(url.format(encoded({"@id": ONE})), live.format(encoded({"@id": LIVE_TWO}))), ["$(decoded).@id"])

    def test_the_document_of_a_peer_did_is_looked_into(self):
        def did(endpoint):
            service = {"t": "did-communication", "s": endpoint}
            return f"did:peer:2.Vz6MkvSFn75q3h29ptvCqsJnXPxSuziNbMVfDbSrKP98t1VwK.S{encoded(service)}"

        self.assertEqual(self.paths(did("http://a.example"), did("http://b.example")), ["$"])

    def test_translation_reaches_into_texts(self):
        self.tokens.bind(ONE, LIVE_ONE)
        self.assertEqual(self.tokens.translate({"p": [f"/records/{ONE}/issue"]}), {"p": [f"/records/{LIVE_ONE}/issue"]})

    def test_a_failed_trial_leaves_nothing(self):
        mark = self.tokens.mark()
        self.paths({"id": ONE, "a": 1}, {"id": LIVE_ONE, "a": 2})
        self.tokens.undo(mark)
        self.assertEqual(self.paths({"id": ONE}, {"id": LIVE_TWO}), [])


if __name__ == "__main__":
    unittest.main()
