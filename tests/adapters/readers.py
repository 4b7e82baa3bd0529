"""Readers of each ERP's documents that know the ERP's formats and nothing of the adapters.

Each gives the money its documents move, as `ledgers.Money`. Items are looked up by number or id in
the open items; everything else stands in the documents.
"""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from decimal import Decimal
from urllib.parse import unquote

from ledgers import Money

PLACES = {"USD": 2, "EUR": 2, "JPY": 0, "KWD": 3}


class Items:
    """Open items by id and by customer and number."""

    def __init__(self, book):
        self.by_id = {one["open_item_id"]: one for one in book.items}
        self.by_number = {(one["customer_id"], one["document_number"]): one for one in book.items}
        self.numbers = {one["document_number"]: one for one in book.items}
        self.currency_of = {one["company_id"]: one["currency"] for one in book.items}
        self.currency_of |= getattr(book, "companies", {})

    def key(self, item):
        return item["currency"], item["customer_id"], item["open_item_id"]


def minor(amount, currency):
    """Exact minor units of decimal text or a number."""
    scaled = Decimal(str(amount or 0)).scaleb(PLACES[currency])
    assert scaled == int(scaled), f"{amount} {currency} has too many places"
    return int(scaled)


def rows(content):
    return list(csv.DictReader(io.StringIO(content.decode())))


def lines(content):
    """Documents of `documents.jsonl`; amounts stay exact."""
    return [json.loads(line, parse_float=Decimal) for line in content.splitlines()]


def read_journal(_documents, files, items):
    money = Money()
    balance = defaultdict(int)
    for row in rows(files["journal.csv"]):
        currency = row["currency"]
        debit = minor(row["debit"], currency) - minor(row["credit"], currency)
        balance[row["document_id"]] += debit
        role = row["role"]
        if role == "bank":
            money.bank[currency] += debit
        elif role == "item":
            item = items.by_id[row["open_item_id"]]
            assert item["customer_id"] == row["customer_id"]
            money.closed[items.key(item)] -= debit
        elif role == "on_account":
            money.credit[currency, row["customer_id"]] -= debit
        else:
            money.differences[currency] += debit
            if role == "deduction_item":
                money.moved[currency, row["customer_id"]] += debit
    assert not any(balance.values()), "an entry does not balance"
    return money


def read_sap(_documents, files, items):
    money = Money()
    posts = defaultdict(lambda: defaultdict(dict))
    for row in rows(files["ftpost.csv"]):
        posts[row["document_id"]][row["STYPE"], row["COUNT"]][row["FNAM"]] = row["FVAL"]
    cleared = defaultdict(list)
    for row in rows(files["ftclear.csv"]):
        assert row["SELFD"] == "XBLNR"
        cleared[row["document_id"]].append(items.by_number[row["AGKON"], row["SELVON"]])
    for identity, document in posts.items():
        currency = document["K", "001"]["BKPF-WAERS"]
        left = 0
        for (kind, _), line in document.items():
            if kind == "P":
                left += _sap_line(money, line, currency, items)
        for item in cleared[identity]:
            money.closed[items.key(item)] += item["open_minor"]
            left -= item["open_minor"]
        assert left == 0, f"document {identity} does not balance"
    return money


def _sap_line(money, line, currency, items):
    """One line; gives its debit."""
    amount = minor(line["BSEG-WRBTR"], currency)
    key, account = line["RF05A-NEWBS"], line["RF05A-NEWKO"]
    debit = amount if key in ("40", "05", "06") else -amount
    number = line.get("BSEG-ZUONR", "")
    if account == "113100":
        money.bank[currency] += debit
    elif key in ("40", "50"):
        money.differences[currency] += debit
    elif number.startswith("DED-"):
        money.differences[currency] += debit
        money.moved[currency, account] += debit
    elif line.get("BSEG-SGTXT") == "on account":
        money.credit[currency, account] -= debit
    else:
        money.closed[items.key(items.by_number[account, number])] -= debit
    return debit


def read_sap_advice(_documents, files, items):
    money = Money()
    net = defaultdict(int)
    for row in rows(files["avip.csv"]):
        currency = row["WAERS"]
        gross, cash = minor(row["WRBTR"], currency), minor(row["NEBTR"], currency)
        money.closed[items.key(items.by_number[row["KONTO"], row["SWERT"]])] += gross
        money.differences[currency] += gross - cash
        net[row["AVSID"]] += cash
    for row in rows(files["avik.csv"]):
        currency = row["WAERS"]
        amount = minor(row["RWBTR"], currency)
        money.bank[currency] += amount
        money.credit[currency, row["KONTO"]] += amount - net[row["AVSID"]]
    return money


def read_oracle_fusion(documents, _files, items):
    money = Money()
    for document in documents:
        body = document["body"]
        if document["kind"] == "adjustment":
            item = items.numbers[body["TransactionNumber"]]
            amount = minor(body["Amount"], items.currency_of[body["BusinessUnit"]])
            money.closed[items.key(item)] -= amount
            money.differences[item["currency"]] -= amount
        elif document["kind"] == "debit_memo":
            (line,) = body["receivablesInvoiceLines"]
            amount = minor(line["UnitSellingPrice"], body["InvoiceCurrencyCode"])
            money.moved[body["InvoiceCurrencyCode"], body["BillToCustomerNumber"]] += amount
        elif document["kind"] == "standard_receipt":
            currency = body["Currency"]
            left = minor(body["Amount"], currency)
            money.bank[currency] += left
            for one in body.get("remittanceReferences", ()):
                amount = minor(one["ReferenceAmount"], currency)
                money.closed[items.key(items.numbers[one["ReferenceNumber"]])] += amount
                left -= amount
            money.credit[currency, body["CustomerAccountNumber"]] += left
    return money


def read_netsuite(documents, _files, items):
    money = Money()
    entries = {}
    for document in documents:
        if document["kind"] != "journal_entry":
            continue
        body = document["body"]
        currency = body["currency"]
        on_account = []
        total = 0
        for line in body["line"]["items"]:
            debit = minor(line.get("debit"), currency) - minor(line.get("credit"), currency)
            total += debit
            on_account.append(-debit if "entity" in line else None)
            if "entity" in line and line["memo"].startswith("DED-"):
                money.moved[currency, line["entity"]["externalId"]] += debit
        assert total == 0, "a journal entry does not balance"
        entries[body["externalId"]] = on_account
    for document in documents:
        if document["kind"] == "customer_payment":
            _netsuite_payment(money, document["body"], entries, items)
    return money


def _netsuite_payment(money, body, entries, items):
    currency = body["currency"]
    left = minor(body["payment"], currency)
    money.bank[currency] += left
    lists = [(name, body.get(name, {}).get("items", ())) for name in ("apply", "credit")]
    assert all(len(given) <= 5_000 for _, given in lists)
    for name, given in lists:
        sign = 1 if name == "apply" else -1
        for one in given:
            assert one["apply"] is True
            amount = sign * minor(one["amount"], currency)
            identity = one["doc"]["externalId"]
            left -= amount
            if identity in entries:
                assert entries[identity][one["line"] - 1] == -amount
                money.differences[currency] -= amount
            else:
                money.closed[items.key(items.by_id[identity])] += amount
    money.credit[currency, body["customer"]["externalId"]] += left


def read_dynamics_finance(_documents, files, items):
    money = Money()
    settled = defaultdict(list)
    for row in rows(files["CustomerPaymentJournalLineSettledInvoice.csv"]):
        settled[row["JournalBatchNumber"], row["JournalLineNumber"]].append(row)
    for row in rows(files["CustomerPaymentJournalLine.csv"]):
        currency, customer = row["CurrencyCode"], row["AccountDisplayValue"]
        amount = minor(row["CreditAmount"], currency) - minor(row["DebitAmount"], currency)
        left = amount
        for one in settled[row["JournalBatchNumber"], row["LineNumber"]]:
            item = items.by_number[customer, one["InvoiceNumber"]]
            cash = minor(one["SettlementAmountInInvoiceCurrency"], currency)
            discount = minor(one["CashDiscountToTakeInInvoiceCurrency"], currency)
            money.closed[items.key(item)] += cash + discount
            money.differences[currency] += discount
            left -= cash
        if row["OffsetAccountType"] == "Bank":
            money.bank[currency] += amount
            money.credit[currency, customer] += left
        elif row["Invoice"].startswith("DED-"):
            money.moved[currency, customer] -= amount
        else:
            assert left == 0
            money.differences[currency] += amount
    return money


def read_business_central(documents, _files, items):
    money = Money()
    for document in documents:
        body, path = document["body"], document["path"]
        currency = items.currency_of[path.split("companies(")[1].split(")")[0]]
        journal = path.split("customerPaymentJournals(")[1].split(")")[0]
        amount = -minor(body["amount"], currency)
        customer = body["customerNumber"]
        number = body.get("appliesToInvoiceNumber") or body["externalDocumentNumber"]
        if journal == "BANK":
            money.bank[currency] += amount
        elif not body["documentNumber"].startswith("DED-"):
            money.differences[currency] += amount
        item = items.by_number.get((customer, number))
        if body["documentNumber"].startswith("DED-"):
            money.moved[currency, customer] -= amount
        elif item is not None:
            money.closed[items.key(item)] += amount
        else:
            money.credit[currency, customer] += amount
    return money


def read_odoo(documents, _files, items):
    money = Money()
    matched = {}
    for document in documents:
        if document["kind"] == "reconcile":
            ours, theirs = document["body"]["ids"]
            (ref, label), number = (w[2] for w in ours["where"]), theirs["where"][0][2]
            assert theirs["where"][1] == ["account_type", "=", "asset_receivable"]
            matched[ref, label] = number
    for document in documents:
        if document["kind"] != "move":
            continue
        (move,) = document["body"]["vals_list"]
        total = 0
        for zero, none, line in move["line_ids"]:
            assert (zero, none) == (0, 0)
            currency = line["currency_id"]["where"][0][2]
            debit = minor(line["debit"], currency) - minor(line["credit"], currency)
            assert minor(line["amount_currency"], currency) == debit
            total += debit
            account = line["account_id"]["where"][0][2]
            customer = line.get("partner_id", {}).get("where", [[0, 0, ""]])[0][2]
            number = matched.pop((move["ref"], line["name"]), None)
            _odoo_line(money, (account, currency, debit, customer, number), line["name"], items)
        assert total == 0, "a move does not balance"
    assert not matched, "a line is reconciled that no move has"
    return money


def _odoo_line(money, line, name, items):
    account, currency, debit, customer, number = line
    if account == "1000":
        money.bank[currency] += debit
    elif number is not None:
        money.closed[items.key(items.by_number[customer, number])] -= debit
    elif account != "1200":
        money.differences[currency] += debit
    elif name.startswith("DED-"):
        money.differences[currency] += debit
        money.moved[currency, customer] += debit
    else:
        money.credit[currency, customer] -= debit


def read_erpnext(documents, _files, items):
    money = Money()
    for document in documents:
        body = document["body"]
        if document["kind"] == "payment_entry":
            currency = body["paid_to_account_currency"]
            amount = minor(body["paid_amount"], currency)
            money.bank[currency] += amount
            left = amount
            for one in body.get("deductions", ()):
                left += minor(one["amount"], currency)
                money.differences[currency] += minor(one["amount"], currency)
            for one in body.get("references", ()):
                allocated = minor(one["allocated_amount"], currency)
                left -= allocated
                money.closed[items.key(items.by_id[one["reference_name"]])] += allocated
            money.credit[currency, body["party"]] += left
        else:
            for row in body["accounts"]:
                item = items.by_id.get(row.get("reference_name"))
                currency = next(
                    one["currency"]
                    for one in items.by_id.values()
                    if one["customer_id"] == row["party"]
                )
                credit = minor(row.get("credit_in_account_currency"), currency)
                if item is not None:
                    money.closed[items.key(item)] += credit
                    money.differences[currency] += credit
                else:
                    debit = minor(row["debit_in_account_currency"], currency)
                    money.moved[currency, row["party"]] += debit
    return money


def read_quickbooks(documents, _files, items):
    money = Money()
    nets = {}
    for document in documents:
        if document["kind"] != "journalentry":
            continue
        body = document["body"]
        currency = body["CurrencyRef"]["value"]
        net = total = 0
        for line in body["Line"]:
            detail = line["JournalEntryLineDetail"]
            sign = 1 if detail["PostingType"] == "Debit" else -1
            amount = sign * minor(line["Amount"], currency)
            total += amount
            if "Entity" not in detail:
                continue
            net -= amount
            if line["Description"].startswith("DED-"):
                money.moved[currency, detail["Entity"]["EntityRef"]["value"]] += amount
        assert total == 0, "a journal entry does not balance"
        nets[document["document_id"]] = net
    for document in documents:
        if document["kind"] != "payment":
            continue
        body = document["body"]
        currency = body["CurrencyRef"]["value"]
        left = minor(body["TotalAmt"], currency)
        money.bank[currency] += left
        for line in body.get("Line", ()):
            (link,) = line["LinkedTxn"]
            amount = minor(line["Amount"], currency)
            assert amount > 0
            if link["TxnType"] == "JournalEntry":
                net = nets[link["TxnId"]["$result_of"]]
                assert abs(net) == amount
                left += net
                money.differences[currency] += net
                continue
            sign = -1 if link["TxnType"] in ("CreditMemo", "Payment") else 1
            money.closed[items.key(items.by_id[link["TxnId"]])] += sign * amount
            left -= sign * amount
        money.credit[currency, body["CustomerRef"]["value"]] += left
    return money


def read_xero(documents, _files, items):
    money = Money()
    notes = {}
    for document in documents:
        body = document["body"]
        if document["kind"] == "batch_payment":
            for one in body["Payments"]:
                item = items.numbers[one["Invoice"]["InvoiceNumber"]]
                amount = minor(one["Amount"], item["currency"])
                assert amount > 0
                money.bank[item["currency"]] += amount
                money.closed[items.key(item)] += amount
        elif document["kind"] == "credit_note":
            notes[document["document_id"]] = body
        elif document["kind"] == "allocation":
            item = items.numbers[body["Invoice"]["InvoiceNumber"]]
            amount = minor(body["Amount"], item["currency"])
            money.closed[items.key(item)] += amount
            credit = unquote(document["path"].split("CreditNotes/")[1].split("/")[0])
            if credit.startswith("{{"):
                note = notes[credit.strip("{}").split(".")[0]]
                assert minor(note["LineItems"][0]["UnitAmount"], item["currency"]) == amount
                money.differences[item["currency"]] += amount
            else:
                money.closed[items.key(items.numbers[credit])] -= amount
        else:
            _xero_money(money, document["kind"], body)
    return money


def _xero_money(money, kind, body):
    currency, customer = body["CurrencyCode"], body["Contact"]["ContactID"]
    amount = minor(body["LineItems"][0]["UnitAmount"], currency)
    if kind == "invoice":
        money.moved[currency, customer] += amount
    elif body["Type"] == "RECEIVE-OVERPAYMENT":
        money.bank[currency] += amount
        money.credit[currency, customer] += amount
    else:
        money.bank[currency] += amount
        money.differences[currency] -= amount


READERS = {
    name.removeprefix("read_"): reader
    for name, reader in list(globals().items())
    if name.startswith("read_")
}
