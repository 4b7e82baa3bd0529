-- A return names its original by any of its references; a payment comes back once. Payments told by
-- files of another format are looked for by their day.

CREATE INDEX payment_by_bank_reference ON payment (bank_reference) WHERE bank_reference <> '';
CREATE INDEX payment_by_customer_reference ON payment (customer_reference)
    WHERE customer_reference <> '';
CREATE INDEX payment_by_end_to_end_id ON payment (end_to_end_id) WHERE end_to_end_id <> '';
CREATE INDEX payment_by_check_number ON payment (check_number) WHERE check_number <> '';
CREATE INDEX payment_by_trace_number ON payment (trace_number) WHERE trace_number <> '';
CREATE INDEX payment_by_uetr ON payment (uetr) WHERE uetr <> '';
CREATE INDEX payment_by_day ON payment (booking_date);
CREATE INDEX reversal_by_original ON reversal (original_payment_id);
