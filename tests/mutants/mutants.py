"""Bugs, each of which breaks a promise, and the test that must not let it pass."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """In `file`, `old` (there exactly once) reads `new`; then `test` fails."""

    promise: int
    file: str
    old: str
    new: str
    test: str


MUTANTS = {
    "the position is stored before the acknowledgement": Mutant(
        1,
        "producers/capture.py",
        "            published = await self._log.publish(",
        """            from producers.ports import Published
            await self._positions.published(self.name, page.position, Published(self.topic, {}), len(page.changes))
            published = await self._log.publish(""",
        "tests/unit/test_capture.py::test_a_page_is_stored_after_kafka_has_acknowledged_it",
    ),
    "the offset is committed before the outcome": Mutant(
        1,
        "daemon/streams.py",
        """                await self._hand_over(topic, handler, [_message(event) for event in events])
                for event in events:
                    event.ack()
""",
        """                for event in events:
                    event.ack()
                await self._hand_over(topic, handler, [_message(event) for event in events])
""",
        "tests/flow/test_streams.py::test_a_batch_that_a_stop_cuts_short_is_delivered_again",
    ),
    "an account is created without If-None-Match": Mutant(
        2,
        "consumers/dataverse.py",
        '{"If-None-Match": "*"} if write.version is None else',
        "dict[str, str]() if write.version is None else",
        "tests/contract/clients/test_dataverse_target.py::test_promise_2_creating_twice_says_that_it_exists",
    ),
    "no intent is stored before Business Central is asked to create": Mutant(
        2,
        "consumers/create.py",
        "            await self._memory.intend([sent(item, now) for item in creates])\n",
        "            pass\n",
        "tests/unit/test_create.py::test_a_customer_created_before_a_crash_is_found_by_its_intent",
    ),
    "a record is changed whatever its version": Mutant(
        3,
        "consumers/dataverse.py",
        'else {"If-Match": write.version}',
        'else {"If-Match": "*"}',
        "tests/contract/clients/test_dataverse_target.py"
        "::test_a_stale_version_a_missing_record_and_a_missing_lookup_are_told_apart",
    ),
    "a change is sent before it is written down": Mutant(
        3,
        "consumers/push.py",
        "        await self._memory.begin(begun(ready, self._now()))\n",
        "        pass\n",
        "tests/unit/test_changes_begun.py::test_an_edit_after_the_kill_is_no_conflict_with_our_own_write",
    ),
    "what both sides have agreed on is written again": Mutant(
        4,
        "consumers/decide.py",
        "if not same(there, v, held.get(name, _MISSING))}",
        "}",
        "tests/unit/test_decide.py::test_spaces_and_the_case_of_codes_are_no_difference",
    ),
    "every field of a changed record counts as edited": Mutant(
        4,
        "consumers/decide.py",
        "any(name in seen and seen[name] != base.get(name, _MISSING) for name in names)",
        "any(name in seen for name in names)",
        "tests/unit/test_decide.py::test_our_own_write_coming_back_is_unchanged_and_costs_nothing",
    ),
    "an older copy closes the failure of a newer one": Mutant(
        3,
        "consumers/newest.py",
        "if 0 < newest[key].sequence < failed[key].sequence)",
        "if failed[key].sequence < 0)",
        "tests/checklist/test_failures.py::test_an_older_copy_of_a_record_closes_no_failure_of_a_newer_one",
    ),
    "a change that is carried out late is forgotten": Mutant(
        3,
        "consumers/recovering.py",
        "        return list({(one.side, one.version): one for one in may_come}.values())\n",
        "        return []\n",
        "tests/unit/test_changes_begun.py::test_a_write_that_is_carried_out_late_is_known_as_ours",
    ),
    "nobody looks for the partner of a record that is deleted too soon": Mutant(
        2,
        "consumers/synchronise.py",
        "                couplings = await self._unrecorded.couplings(mapping, newest, superseded, couplings)\n",
        "",
        "tests/unit/test_unrecorded.py::test_its_partner_is_found_and_goes_the_way_of_the_mapping",
    ),
    "a command whose end could not be told is carried out again": Mutant(
        8,
        "daemon/wiring.py",
        "        await self.store.commands.update(outcome.id, outcome.state, error=outcome.error)\n",
        "",
        "tests/outages/test_ends_told.py::test_what_a_command_has_done_is_not_done_again_because_nobody_was_told",
    ),
    "what was read before a deletion makes its record anew": Mutant(
        2,
        "consumers/tombstones.py",
        "        return ended - there.keys()\n",
        "        return frozenset()\n",
        "tests/checklist/test_deletions.py::test_what_was_read_before_it_was_deleted_makes_no_partner_anew",
    ),
    "a creation in Sales is not written down": Mutant(
        2,
        "consumers/recovering.py",
        "    return changed + [_creation(one, now) for one in _new_in_sales(items)]\n",
        "    return changed\n",
        "tests/unit/test_unrecorded.py::test_a_partner_that_people_have_edited_meanwhile_is_kept_and_told_of",
    ),
    "what people have made of a new partner before it was recorded is not told again": Mutant(
        2,
        "consumers/synchronise.py",
        "        await self._recovery.tell_again(mapping, carried, max(one.captured_ms for one in changes))\n",
        "",
        "tests/unit/test_kills_and_edits.py::test_every_last_edit_of_a_new_pair_is_on_both_sides",
    ),
    "the outcomes of a batch take the place of those of its minute": Mutant(
        1,
        "daemon/store/ended.py",
        'set_={"number": row.number + statement.excluded.number}',
        'set_={"number": statement.excluded.number}',
        "tests/contract/store/test_ended.py::test_all_workers_are_counted_together[sqlite]",
    ),
    "what a newer version decides is counted by its job, and listed nowhere": Mutant(
        1,
        "daemon/store/recording.py",
        "    plain = await keep(connection, final, now)\n",
        "    plain = await keep(connection, telling, now)\n",
        "tests/contract/store/test_ended.py::test_which_records_ended_so_in_a_job_is_told_newest_first[sqlite-unchanged]",
    ),
    "the first minute of the day is listed, and not counted": Mutant(
        1,
        "daemon/store/ended.py",
        "func.sum(row.number)).where(row.minute >= _minute(since),",
        "func.sum(row.number)).where(row.minute > _minute(since),",
        "tests/contract/store/test_ended.py::test_the_last_24_hours_are_counted_as_they_are_listed[sqlite]",
    ),
    "the records of a batch are listed the oldest first": Mutant(
        1,
        "daemon/store/ended.py",
        "row.keys[row.number - 1 - rank]",
        "row.keys[rank]",
        "tests/contract/store/test_ended.py::test_pages_have_every_record_once_whatever_the_batches_were[sqlite-2]",
    ),
    "a page begins with the record that the one before it has ended with": Mutant(
        1,
        "daemon/store/packed.py",
        "row.number - (rank + 1)",
        "row.number - rank",
        "tests/contract/store/test_ended.py::test_pages_have_every_record_once_whatever_the_batches_were[sqlite-2]",
    ),
    "another log's position is believed": Mutant(
        5,
        "daemon/store/positions.py",
        "        if marks.log_id == log_id:\n",
        "        if marks.log_id:\n",
        "tests/contract/store/test_positions.py::test_a_new_log_takes_off_a_job_what_it_has_to_publish_again[sqlite]",
    ),
    "only coupled stays on though the run has cleared it": Mutant(
        6,
        "daemon/store/memory.py",
        "only_coupled=stored and mapping.name not in cleared,",
        "only_coupled=stored,",
        "tests/contract/store/test_flags_and_states.py"
        "::test_only_coupled_is_off_while_a_run_that_cleared_it_is_running[sqlite]",
    ),
    "the mistake of one record leaves its batch": Mutant(
        7,
        "consumers/synchronise.py",
        "    except Exception as error:  # promise 7: one bad record never stops the others\n",
        "    except NotImplementedError as error:\n",
        "tests/unit/test_synchronise.py::test_a_record_our_rules_choke_on_fails_alone",
    ),
    "a step back between two pages is taken for looked at": Mutant(
        1,
        "producers/watermark.py",
        '"next" in position or side is None',
        "side is None",
        "tests/weather/test_clocks.py::test_a_step_back_between_two_pages_hides_no_edit",
    ),
    "what Business Central tells is let go by its time": Mutant(
        1,
        "consumers/anew.py",
        "if (one.retry or one.side is Side.BC)",
        "if one.retry",
        "tests/weather/test_clocks.py::test_an_edit_is_carried_though_a_clock_was_wrong_while_only_another_looked",
    ),
    "how late a clock stood is known from one's own reading only": Mutant(
        3,
        "producers/watermark.py",
        'stood(self._now_ms(), int(position["ahead"])) if "ahead" in position else 0',
        "0",
        "tests/weather/test_clocks.py::test_an_edit_after_a_step_back_is_carried_though_a_later_time_is_in_the_same_batch",
    ),
    "what a person asked for is outdated by our own write": Mutant(
        3,
        "consumers/synchronise.py",
        "newest = await self._anew.read(mapping, newest, couplings, failed)",
        "pass",
        "tests/checklist/test_coupling.py::test_the_chosen_sides_values_are_carried_without_live_capture[sales]",
    ),
    "a command is obeyed again when it is delivered again": Mutant(
        8,
        "daemon/store/commands.py",
        "return (await connection.scalar(statement.returning(CommandRow.number))) is not None",
        "return (await connection.scalar(statement.returning(CommandRow.number))) is not None or True",
        "tests/contract/store/test_jobs_and_commands.py::test_a_command_is_received_once[sqlite]",
    ),
    "the time that a throttled side names is passed over": Mutant(
        9,
        "daemon/governor.py",
        "self.hold(self._refusals.refused(sent, self._time.clock()) if wait is None else wait)",
        "self.hold(0.0)",
        "tests/contract/clients/test_sessions.py::test_429_holds_the_whole_side_and_repeats_reads_and_writes",
    ),
    "a log line is written as it comes": Mutant(
        10,
        "daemon/logs.py",
        "structlog.processors.format_exc_info, redact, render]",
        "structlog.processors.format_exc_info, render]",
        "tests/unit/test_metrics.py::test_json_logs_hide_secrets",
    ),
}
