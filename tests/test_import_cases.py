# SPDX-License-Identifier: Apache-2.0
"""Realistic files, imported by the real service: ../shared/import-cases, and the variants below."""
import json
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader

import pytest
from support.service import ROOT

CASES = ROOT.parent / "shared/import-cases"
TABLE = json.loads((CASES / "expect.json").read_text(encoding="utf-8")) if CASES.exists() else {}


class Cases:
    """The interface to the service that the program of the cases needs."""

    def __init__(self, service):
        self.service = service
        self.clients = {}

    def organisation(self, name):
        organisation = self.service.organisation(name)
        self.clients[organisation.key] = self.service.client(organisation)
        return organisation.key

    def load(self, body, kind, key):
        answer = self.clients[key].request("POST", "/api/v1/prospects/import", body, {"Content-Type": kind})
        return answer.status, answer.json()

    def rows(self, key):
        return {row["email"]: row for row in self.clients[key].prospects()}


@pytest.fixture
def cases(make_service):
    return Cases(make_service(ROLE="api"))


@pytest.mark.skipif(not TABLE, reason="../shared/import-cases is not there")
def test_the_cases(cases):
    loader = SourceFileLoader("import_cases", str(CASES / "run"))
    judge = module_from_spec(spec_from_loader("import_cases", loader))
    loader.exec_module(judge)
    found = {name: judge.attempt(cases, str(CASES), name, want) for name, want in TABLE.items()}
    assert {name: (wrong, lost) for name, (wrong, lost) in found.items() if wrong or lost} == {}


def person(**fields):
    return {"email": "ada@example.com", **fields}


NAMED = person(first_name="Ada", last_name="Lovelace", company="Acme")
ALL = {**NAMED, "title": "CTO", "phone": "+1 555 0100", "country": "England"}

# name: (Content-Type, body, stored rows)
KIN = {
    "outlook": ("text/csv", "First Name,Middle Name,Last Name,Company,Department,Job Title,Business Street,Business Country/Region,Business Phone,"
                "Home Phone,Mobile Phone,E-mail Address,E-mail Type,E-mail 2 Address,Web Page\r\n"
                "Ada,,Lovelace,Acme,,CTO,,England,+1 555 0100,+1 555 0199,,ada@example.com,SMTP,,https://acme.example\r\n",
                {**ALL, "website": "https://acme.example", "custom_fields": {"home_phone": "+1 555 0199", "e_mail_type": "SMTP"}}),
    "outlook_german": ("text/csv; charset=windows-1252", "Anrede,Vorname,Nachname,Firma,Position,Telefon gesch\u00e4ftlich,Land/Region gesch\u00e4ftlich,"
                       "E-Mail-Adresse\r\n,Ada,Lovelace,Acme,CTO,+1 555 0100,England,ada@example.com\r\n".encode("cp1252"), ALL),
    "outlook_french": ("text/csv", "Pr\u00e9nom;Nom;Soci\u00e9t\u00e9;Fonction;T\u00e9l\u00e9phone (bureau);Pays;Adresse de messagerie\r\n"
                       "Ada;Lovelace;Acme;CTO;+1 555 0100;England;ada@example.com\r\n".encode("cp1252"), ALL),
    "thunderbird": ("text/csv", "First Name,Last Name,Display Name,Nickname,Primary Email,Secondary Email,Work Phone,Home Phone,Organization,Job Title,"
                    "Work Country,Web Page 1\nAda,Lovelace,Ada L,,ada@example.com,,+1 555 0100,,Acme,CTO,England,\n",
                    {**ALL, "custom_fields": {"display_name": "Ada L"}}),
    "linkedin": ("text/csv", "Notes:\n\"When exporting your connection data, you may notice that some addresses are missing.\"\n\n"
                 "First Name,Last Name,URL,Email Address,Company,Position,Connected On\n"
                 "Ada,Lovelace,https://linkedin.example/in/ada,ada@example.com,Acme,CTO,01 Jan 2024\n", {**NAMED, "title": "CTO"}),
    "apollo": ("text/csv", "First Name,Last Name,Title,Company,Company Name for Emails,Email,Email Status,Work Direct Phone,Website,Country,Company Country\n"
               "Ada,Lovelace,CTO,Acme,Acme Ltd,ada@example.com,Verified,+1 555 0100,https://acme.example,England,France\n",
               {**ALL, "website": "https://acme.example", "custom_fields": {"email_status": "Verified", "company_country": "France"}}),
    "google_older": ("text/csv", "Name,Given Name,Additional Name,Family Name,E-mail 1 - Type,E-mail 1 - Value,Phone 1 - Type,Phone 1 - Value,"
                     "Organization 1 - Type,Organization 1 - Name,Organization 1 - Title,Address 1 - Country\n"
                     "Ada Lovelace,Ada,,Lovelace,* Home,ada@example.com ::: ada@home.example,Work,+1 555 0100,,Acme,CTO,England\n",
                     {**ALL, "custom_fields": {"name": "Ada Lovelace"}}),
    "pipedrive": ("text/csv", "Person - Name,Person - First name,Person - Last name,Person - Email - Work,Person - Phone - Work,Person - Organization\n"
                  "Ada Lovelace,Ada,Lovelace,ada@example.com,+1 555 0100,Acme\n", {**NAMED, "phone": "+1 555 0100"}),
    "salesforce_report": ("text/csv", '"First Name","Last Name","Title","Account Name","Mailing Country","Phone","Mobile","Email","Account Owner"\n'
                          '"Ada","Lovelace","CTO","Acme","England","+1 555 0100","","ada@example.com","Bob"\n', ALL),
    "spanish": ("application/vnd.ms-excel", "Nombre;Apellidos;Empresa;Cargo;Tel\u00e9fono;Pa\u00eds;Correo electr\u00f3nico\r\n"
                "Ada;Lovelace;Acme;CTO;+1 555 0100;England;ada@example.com\r\n".encode("cp1252"), ALL),
    "russian": ("text/csv", "\u0418\u043c\u044f\t\u0424\u0430\u043c\u0438\u043b\u0438\u044f\t\u041a\u043e\u043c\u043f\u0430\u043d\u0438\u044f\tE-mail\n"
                "Ada\tLovelace\tAcme\tada@example.com\n".encode("utf-16"), NAMED),
    "exact_and_alike": ("text/csv", "E-Mail,email,Job Title,title\nx@example.com,ada@example.com,Boss,CTO\n",
                        person(title="CTO", custom_fields={"job_title": "Boss", "e_mail": "x@example.com"})),
    "pipes_and_quotes": ("text/csv", "\ufeff\ufeffemail|first_name|company\r'ada@example.com'| \"Ada\" |\"Acme | Co\"\r\x1a",
                         person(first_name="Ada", company="Acme | Co")),
    "decomposed": ("text/csv", "email,\"Pre\u0301nom\n\",Gro\u0308\u00dfe\nada@example.com,Ada,9\n", person(first_name="Ada", custom_fields={"gr\u00f6sse": "9"})),
    "pasted": ("text/csv", "email,phone\n\u200bMAILTO:Ada@Example.com?subject=hi\u00a0,\u202a+1 555 0100\u202c\n", person(phone="+1 555 0100")),
    "commented": ("text/csv", "email\n\"\"\"Lovelace, Ada\"\" <ada@exam\u200bple.com>;\"\n", person()),
    "jsonl": ("application/jsonl", '{"email":"ada@example.com","firstName":"Ada"}\n', person(first_name="Ada")),
    "tsv": ("text/tab-separated-values", "email\tfirst_name\nada@example.com\tAda\n", person(first_name="Ada")),
}


def test_variants_of_the_cases(cases):
    wrong = {}
    for name, (kind, body, want) in KIN.items():
        key = cases.organisation(name)
        status, answer = cases.load(body if isinstance(body, bytes) else body.encode(), kind, key)
        row = cases.rows(key).get("ada@example.com") if status == 200 else None
        if not row or (answer["imported"], answer["rejected"]) != (1, 0):
            wrong[name] = answer
            continue
        row |= {f"custom_fields.{field}": value for field, value in row["custom_fields"].items()}
        want = {field: value for field, value in want.items() if field != "custom_fields"} | \
            {f"custom_fields.{field}": value for field, value in want.get("custom_fields", {}).items()}
        if {field: row.get(field) for field in want} != want:
            wrong[name] = row
    assert wrong == {}


def counts(answer):
    return answer["imported"], answer["updated"], answer["rejected"]


def test_a_dry_run_answers_like_an_import_and_writes_nothing(cases):
    key = cases.organisation("dry")
    client = cases.clients[key]
    cases.load(b"email,note\nada@example.com,kept\n", "text/csv", key)
    before, metrics = cases.rows(key), cases.service.metrics()

    def post(body, kind="text/csv", query="dry_run=1"):
        return client.request("POST", f"/api/v1/prospects/import?{query}", body, {"Content-Type": kind})
    small = "E-Mail;first_name\nADA@example.com;x\nnobody;y\nbob@example.com;z\nBob@example.com;z\n"
    large = "email,first_name\n" + "".join(f"p{i % 50_000}@example.com,Ada\n" for i in range(60_000)) + "ada@example.com,x\n"
    for body, expected in ((small, (1, 2, 1)), (large, (50_000, 10_001, 0))):
        answer = post(body)
        assert (answer.status, answer.json()["dry_run"], counts(answer.json())) == (200, True, expected)
    assert post(small).json()["columns"][0]["field"] == "email" and post(small).json()["errors"][0]["line"] == 3
    assert (post("[{}", "application/json").status, post("name\n").status, post(small, query="dry_run=yes").status) == (400, 400, 400)
    assert cases.service.metrics().total("prospects_processed_total") == metrics.total("prospects_processed_total")
    assert cases.rows(key) == before
    real = post(small, query="dry_run=0").json()
    assert (real["dry_run"], counts(real)) == (False, (1, 2, 1))


def test_errors_name_line_and_column(cases):
    key = cases.organisation("found")
    deep = "[" * 100 + "]" * 100
    elements = ['{"email":"a@example.com"}', '{"email":"b@example.com","email":"c@example.com"}', '{"email":"b@example.com","note":"a\\u0000b"}',
                '{"email":"b@example.com","n":1\0}', f'{{"email":"b@example.com","deep":{deep}}}', '7', '{"email":"x"}', '{"email": tru}',
                '{"email":"b@example.com","note":"' + "x" * (1 << 20) + '"}']
    answer = cases.load(("[" + ",\n".join(elements) + "]").encode(), "application/json", key)[1]
    assert [(e["index"], e["line"], e["field"], e["reason"]) for e in answer["errors"]] == [
        (1, 2, "email", "duplicate_field"), (2, 3, "note", "control_character"), (3, 4, "n", "invalid_json"), (4, 5, "deep", "too_deep"),
        (5, 6, None, "not_an_object"), (6, 7, "email", "invalid_email"), (7, 8, "email", "invalid_json"), (8, 9, None, "row_too_long")]
    assert answer["errors"][2]["column"] == 31 and answer["imported"] == 1  # the NUL after the number
    answer = cases.load(b"email,first_name,note\nada@example.com,\x07,x\nada@example.com,a,b,c\nbob@example.com,B," + b"x" * 2001 + b"\n", "text/csv", key)[1]
    assert answer["errors"] == [
        {"line": 2, "column": 2, "index": None, "field": "first_name", "reason": "control_character"},
        {"line": 3, "column": 4, "index": None, "field": None, "reason": "too_many_columns"}]
    assert answer["warnings"] == [{"line": 4, "column": 3, "index": None, "field": "note", "reason": "too_long"}]
    assert answer["imported"] == 1, "only the value is dropped, not the row"


def test_a_field_is_cleared_on_purpose(cases):
    key = cases.organisation("cleared")
    client = cases.clients[key]
    cases.load(b"email,first_name,plan,city\nada@example.com,Ada,gold,Paris\n", "text/csv", key)
    cases.load(b"email,first_name,plan\nada@example.com,,\n", "text/csv", key)
    assert cases.rows(key)["ada@example.com"]["custom_fields"] == {"plan": "gold", "city": "Paris"}
    answer = client.request("POST", "/api/v1/prospects/import?empty=clear", "email,first_name,plan\nada@example.com,,\n", {"Content-Type": "text/csv"})
    row = cases.rows(key)["ada@example.com"]
    assert (answer.json()["updated"], row["first_name"], row["custom_fields"]) == (1, None, {"city": "Paris"})
    assert client.request("POST", "/api/v1/prospects/import?empty=gone", "email\n", {"Content-Type": "text/csv"}).status == 400


def test_the_answer_describes_encoding_and_columns(cases):
    key = cases.organisation("told")
    status, answer = cases.load("E-Mail;Vorname;Gr\u00f6\u00dfe;;vorname\r\nada@example.com;Ada;9;x;y\r\n".encode("cp1252"), "text/csv", key)
    assert (status, answer["encoding"], answer["delimiter"]) == (200, "windows-1252", ";")
    assert answer["columns"] == [
        {"column": 1, "name": "E-Mail", "field": "email", "custom_field": None, "reason": None},
        {"column": 2, "name": "Vorname", "field": "first_name", "custom_field": None, "reason": None},
        {"column": 3, "name": "Gr\u00f6\u00dfe", "field": None, "custom_field": "gr\u00f6sse", "reason": None},
        {"column": 4, "name": "", "field": None, "custom_field": None, "reason": "blank_name"},
        {"column": 5, "name": "vorname", "field": None, "custom_field": "vorname", "reason": None}]
    assert cases.load(b"email\tname\nada@example.com\tx\n", "text/csv", key)[1]["delimiter"] == "TAB"
    status, answer = cases.load(b"name\tplace\n", "text/csv", key)
    assert status == 400 and "TAB" in answer["error"]["message"]
    assert cases.load(b"email\n", "text/csv; charset=koi8-r", key)[0] == 415
    for charset in ("utf-16", "koi8-r", "windows-1252"):
        assert cases.load(b"[]", f"application/json; charset={charset}", key)[0] == 415
    assert cases.load(b"Email,email\n", "text/csv", key)[0] == 400
    status, answer = cases.load(b"[]", "application/json", key)
    assert (answer["encoding"], answer["delimiter"], answer["columns"]) == ("utf-8", None, None)


def test_a_damaged_byte_does_not_change_the_character_set(cases):
    key = cases.organisation("damaged")
    body = "email,first_name\nada@example.com,Zo\u00eb\nbob@example.com,Zo\u00eb\n".encode()
    status, answer = cases.load(body.replace(b"bob@example.com,Zo\xc3\xab", b"bob@example.com,Zo\xab"), "text/csv", key)
    assert (answer["encoding"], answer["imported"], answer["errors"][0]["reason"]) == ("utf-8", 1, "invalid_utf8")
    assert cases.rows(key)["ada@example.com"]["first_name"] == "Zo\u00eb"


def test_a_large_file_in_another_character_set(cases):
    """More than one window of the decoder, and several slices."""
    key = cases.organisation("large")
    rows = "".join(f"p{i}@example.com;Zo\u00eb;\"a;\nb {i}\"\r\n" for i in range(60_000))
    status, answer = cases.load(("email;first_name;note\r\n" + rows).encode("utf-16"), "text/csv", key)
    assert (status, answer["imported"], answer["rejected"], answer["encoding"]) == (200, 60_000, 0, "utf-16le")
    found = cases.clients[key].get("/api/v1/prospects", email="p59999@example.com").json()["data"][0]
    assert found["first_name"] == "Zo\u00eb" and found["custom_fields"] == {"note": "a;\nb 59999"}
