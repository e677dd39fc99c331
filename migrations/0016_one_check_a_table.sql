-- What the sequencer writes with each batch says what must hold of a row in one CHECK, not in one for each column:
-- PostgreSQL makes each CHECK ready anew for each statement, and calls it for each row, which cost a tenth of an
-- acceptance. The same conditions as before; the row that breaks one is in the error's detail. The CHECKs that say more than
-- what a column may hold (entry_leaf, account_owner, account_solvent) keep their names and stand apart.

SET LOCAL ROLE kontor_owner;

ALTER TABLE entry
    DROP CONSTRAINT entry_index_check, DROP CONSTRAINT entry_kind_check, DROP CONSTRAINT entry_time_ms_check,
    DROP CONSTRAINT entry_group_len_check, DROP CONSTRAINT entry_check, DROP CONSTRAINT entry_check1,
    DROP CONSTRAINT entry_check2, DROP CONSTRAINT entry_check3, DROP CONSTRAINT entry_check4,
    DROP CONSTRAINT entry_amount_check, DROP CONSTRAINT entry_body_check, DROP CONSTRAINT entry_group,
    DROP CONSTRAINT entry_accounts,
    ADD CONSTRAINT entry_form CHECK (
        index >= 0 AND kind BETWEEN 0 AND 19 AND time_ms BETWEEN 0 AND 253402300799999
        AND group_len BETWEEN 1 AND 64 AND group_pos >= 0 AND group_pos < group_len AND group_first = index - group_pos
        AND debit >= -1 AND debit < index AND credit >= -1 AND credit < index AND (debit = -1 OR debit <> credit)
        AND prev_debit >= debit AND prev_debit < index AND (debit = -1) = (prev_debit = -1)
        AND prev_credit >= credit AND prev_credit < index AND (credit = -1) = (prev_credit = -1)
        AND amount BETWEEN 0 AND 4611686018427387904 AND octet_length(body) BETWEEN 1 AND 952);

ALTER TABLE account
    DROP CONSTRAINT account_index_check, DROP CONSTRAINT account_class_check, DROP CONSTRAINT account_owner_site_check,
    DROP CONSTRAINT account_parent_check, DROP CONSTRAINT account_posted_debits_check,
    DROP CONSTRAINT account_posted_credits_check, DROP CONSTRAINT account_held_debits_check,
    DROP CONSTRAINT account_held_credits_check, DROP CONSTRAINT account_check,
    ADD CONSTRAINT account_form CHECK (
        index > 0 AND class BETWEEN 1 AND 6 AND owner_site >= 0 AND parent >= -1 AND posted_debits >= 0
        AND posted_credits >= 0 AND held_debits >= 0 AND held_credits >= 0 AND last_index >= index);

ALTER TABLE quote
    DROP CONSTRAINT quote_grant_account_check, DROP CONSTRAINT quote_created_ms_check, DROP CONSTRAINT quote_check,
    DROP CONSTRAINT quote_check1, DROP CONSTRAINT quote_state_check, DROP CONSTRAINT quote_workload_check,
    DROP CONSTRAINT quote_workload_len_check, DROP CONSTRAINT quote_gpus_check, DROP CONSTRAINT quote_slots_check,
    DROP CONSTRAINT quote_cost_gpums_check,
    ADD CONSTRAINT quote_form CHECK (
        grant_account > 0 AND created_ms > 0 AND expires_ms >= created_ms
        AND state IN ('open', 'used', 'expired', 'released', 'no-offer') AND (ended_ms = 0) = (state = 'open')
        AND (workload IS NULL OR octet_length(workload) = 32) AND workload_len >= 0
        AND gpus >= 0 AND slots >= 0 AND cost_gpums >= 0);

-- No two reservations have one ticket: the primary key of ticket says so, and each reservation's own is the first of its
-- site's numbers that names it.
ALTER TABLE reservation DROP CONSTRAINT reservation_site_seq_key;
ALTER TABLE reservation
    DROP CONSTRAINT reservation_grant_account_check, DROP CONSTRAINT reservation_site_check,
    DROP CONSTRAINT reservation_offering_check, DROP CONSTRAINT reservation_rate_check,
    DROP CONSTRAINT reservation_hold_check, DROP CONSTRAINT reservation_gpus_check,
    DROP CONSTRAINT reservation_nodes_check, DROP CONSTRAINT reservation_walltime_s_check,
    DROP CONSTRAINT reservation_rate_milli_check, DROP CONSTRAINT reservation_check, DROP CONSTRAINT reservation_check1,
    DROP CONSTRAINT reservation_booked_slots_check, DROP CONSTRAINT reservation_fence_check,
    DROP CONSTRAINT reservation_seq_check, DROP CONSTRAINT reservation_reported_gpu_seconds_check,
    DROP CONSTRAINT reservation_check2, DROP CONSTRAINT reservation_workload_check,
    DROP CONSTRAINT reservation_output_check, DROP CONSTRAINT reservation_jti_check,
    ADD CONSTRAINT reservation_form CHECK (
        jti = id AND grant_account > 0 AND site > 0 AND offering > 0 AND rate > 0 AND hold > 0 AND gpus > 0 AND nodes > 0
        AND walltime_s > 0 AND rate_milli > 0 AND cost_gpums = gpus * walltime_s * rate_milli
        AND window_end_ms > window_start_ms AND booked_slots >= 0 AND fence > 0 AND seq > 0
        AND reported_gpu_seconds >= 0 AND settled_gpums BETWEEN 0 AND cost_gpums
        AND (workload IS NULL OR octet_length(workload) = 32) AND (output IS NULL OR octet_length(output) = 32));

ALTER TABLE ticket
    DROP CONSTRAINT ticket_site_check, DROP CONSTRAINT ticket_seq_check,
    ADD CONSTRAINT ticket_form CHECK (site > 0 AND seq > 0);

ALTER TABLE report
    DROP CONSTRAINT report_site_check, DROP CONSTRAINT report_number_check, DROP CONSTRAINT report_kind_check,
    DROP CONSTRAINT report_signature_check, DROP CONSTRAINT report_output_check,
    ADD CONSTRAINT report_form CHECK (
        site > 0 AND number > 0 AND kind BETWEEN 1 AND 9 AND octet_length(signature) = 64
        AND (output IS NULL OR octet_length(output) = 32));

ALTER TABLE answer
    DROP CONSTRAINT answer_scope_check, DROP CONSTRAINT answer_request_check,
    ADD CONSTRAINT answer_form CHECK (octet_length(scope) = 32 AND octet_length(request) = 32);

RESET ROLE;
