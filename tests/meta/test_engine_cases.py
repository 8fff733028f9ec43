"""The known ways in which graph engines go wrong, and the tests that hold ours against each.

A table to read: the number and the claim, then tests named after it. Every test named here exists.
Beside these, the oracle (``test_oracle.py``) runs random programs over every path.
"""

import ast
from functools import cache
from pathlib import Path

import pytest

CORE = Path(__file__).parents[1] / "core"

CASES: dict[int, tuple[str, tuple[str, ...]]] = {
    1: (
        "functions of one name, lambdas, closures and redefined functions never share a plan",
        (
            "test_task.py::test_two_functions_of_one_name_are_two_tasks",
            "test_task.py::test_lambdas_never_share_a_plan",
            "test_task.py::test_closures_over_different_values_never_share_a_plan",
            "test_task.py::test_redefined_function_runs_its_new_code_after_the_old_one_died",
        ),
    ),
    2: (
        "other sources of order, condition or amount are other structures; literal ones share",
        (
            "test_conditions.py::test_condition_and_order_are_part_of_the_structure",
            "test_conditions.py::test_literal_conditions_share_a_plan_and_each_does_what_it_says",
            "test_constraints.py::test_constraint_sources_are_part_of_the_structure",
            "test_option_structures.py::test_what_options_say_is_not_part_of_the_structure",
            "test_option_structures.py::"
            "test_which_options_are_present_and_their_sources_are_part_of_the_structure",
        ),
    ),
    3: (
        "what options say is read from this run's lazy result",
        (
            "test_retry.py::test_counts_are_read_from_this_run_never_from_a_cached_plan",
            "test_timeout.py::test_timeout_is_read_from_this_run_never_from_a_cached_plan",
            "test_constraints.py::test_amounts_are_read_from_this_run_never_from_a_cached_plan",
        ),
    ),
    4: (
        "data never enters a plan",
        (
            "test_containers.py::test_literal_list_changed_after_the_run_leaves_no_trace",
            "test_engine_loops.py::test_a_hundred_runs_with_big_arguments_retain_nothing",
            "test_plan_cache.py::test_no_argument_outlives_its_run",
        ),
    ),
    5: (
        "containers of other types or keys are other structures; the order of a dict is its own",
        (
            "test_structure.py::test_what_a_plan_depends_on_is_part_of_the_structure",
            "test_containers.py::test_keys_that_are_equal_but_of_other_types_are_other_structures",
            "test_containers.py::test_dict_arrives_in_its_own_order",
        ),
    ),
    6: (
        "mixed keys and sets of lazy results work; keys that cannot be are refused with the cure",
        (
            "test_containers.py::test_key_beside_a_lazy_value_arrives_as_it_was",
            "test_containers.py::test_set_of_different_lazy_results_hits_whatever_its_order",
            "test_containers.py::test_key_that_cannot_be_in_a_structure_is_refused_with_the_cure",
            "test_select.py::test_keys_of_mixed_types_are_told_apart",
            "test_select.py::test_keys_that_cannot_be_part_of_a_structure_are_refused",
        ),
    ),
    7: (
        "ways to write one call bind to one structure, defaults applied",
        (
            "test_binding.py::test_ways_to_write_one_call_are_one_structure",
            "test_binding.py::test_keyword_order_of_declared_parameters_does_not_matter",
        ),
    ),
    8: (
        "two calls run twice, one object once; pure calls are merged by values only",
        (
            "test_engine.py::test_pair_of_two_calls_rolls_twice",
            "test_engine.py::test_pair_of_one_call_rolls_once",
            "test_pure.py::test_calls_that_look_alike_with_other_values_are_two",
        ),
    ),
    9: (
        "digests agree between processes and hash seeds",
        (
            "test_structure.py::test_digests_agree_between_processes_and_hash_seeds",
            "test_select.py::test_digests_of_selects_agree_between_processes",
            "test_option_structures.py::"
            "test_digests_and_ids_are_the_same_in_every_process_seed_and_version",
        ),
    ),
    10: (
        "the cache is bounded, an evicted plan says so, memory stays flat",
        (
            "test_plan_cache.py::test_least_recently_used_plan_is_evicted",
            "test_plan_cache.py::test_5_000_different_literals_leave_one_plan",
            "test_engine_loops.py::test_a_million_iterations_leave_memory_flat_and_resolve_once",
        ),
    ),
    11: (
        "literals and lazy results arrive in the order written",
        ("test_binding.py::test_literals_and_lazy_results_arrive_in_the_order_written",),
    ),
    12: (
        "containers keep their type; literal ones arrive as the same object",
        (
            "test_containers.py::"
            "test_lazy_results_inside_arrive_as_values_in_a_container_of_the_same_type",
            "test_containers.py::test_container_without_lazy_results_arrives_as_the_same_object",
        ),
    ),
    13: (
        "Param and Env: defaults are used, missing ones are named, inside a loop too",
        (
            "test_inputs.py::test_parameter_that_the_run_lacks_has_its_default",
            "test_inputs.py::test_missing_parameter_is_an_error_that_lists_the_others",
            "test_inputs.py::test_missing_parameter_inside_a_loop_is_an_error_there",
            "test_inputs.py::test_variable_that_is_not_set_has_its_default",
        ),
    ),
    14: (
        "a node runs if its condition holds; a lazy result has no truth value",
        (
            "test_conditions.py::test_node_runs_if_its_condition_holds_and_only_then",
            "test_conditions.py::test_lazy_result_has_no_truth_value",
        ),
    ),
    15: (
        "a lazy result from an inner node or a map's item is run to a value",
        (
            "test_engine.py::test_lazy_result_from_an_inner_node_is_run_to_a_value",
            "test_map.py::test_item_that_returns_a_lazy_result_is_run_to_a_value",
        ),
    ),
    16: (
        "there is no barrier between stages",
        (
            "test_engine_concurrency.py::test_node_starts_when_its_own_dependencies_are_done",
            "test_engine_concurrency.py::"
            "test_sync_node_starts_while_an_async_one_of_an_earlier_stage_runs",
        ),
    ),
    17: (
        "siblings end, then resources close, then the failure comes out; nothing goes on",
        (
            "test_cancellation.py::"
            "test_siblings_end_then_resources_close_then_the_exception_comes_out",
            "test_cancellation.py::test_resources_close_newest_first_with_the_exception_thrown_in",
            "test_cancellation.py::test_nothing_of_a_run_that_raised_goes_on",
        ),
    ),
    18: (
        "a resource yields once; scopes are checked; nothing is opened for what is skipped",
        (
            "test_resources.py::test_resource_that_yields_twice_is_an_error",
            "test_resources.py::"
            "test_run_resource_that_needs_an_iteration_resource_is_refused_by_the_engine",
            "test_resources.py::test_nothing_is_opened_for_what_does_not_run",
        ),
    ),
    19: (
        "a map holds nothing while its items wait",
        (
            "test_constraints.py::test_map_holds_nothing_while_its_items_wait",
            "test_map.py::test_items_may_need_all_of_what_the_map_is_limited_by",
        ),
    ),
    20: (
        "a bad subscriber, repr or result cache never fails or repeats a task",
        (
            "test_bus.py::test_raising_handler_fails_and_repeats_no_task",
            "test_bus.py::test_value_whose_repr_raises_disturbs_nothing",
            "test_result_cache.py::test_policy_that_raises_is_logged_and_fails_nothing",
            "test_result_cache.py::test_policy_that_cannot_save_never_repeats_the_task",
        ),
    ),
    21: (
        "max_attempts counts all calls; bad numbers are refused when written",
        (
            "test_retry.py::test_max_attempts_counts_all_calls_the_first_too",
            "test_retry.py::test_events_tell_the_attempts_between_start_and_end",
            "test_retry.py::test_max_attempts_that_are_no_int_above_0_are_refused_when_written",
            "test_retry.py::test_backoff_multiplies_the_delay",
            "test_retry.py::test_last_exception_is_raised_as_the_same_object",
        ),
    ),
    22: (
        "exits and cancellations end the run; each started task finishes",
        (
            "test_cancellation.py::test_each_started_node_has_its_end_and_its_count",
            "test_cancellation.py::test_exit_comes_out_of_the_synchronous_run",
            "test_failures.py::test_cancelled_run_ends_its_nodes_and_says_so",
        ),
    ),
    23: (
        "a cached None is a hit; literals are in the key",
        (
            "test_result_cache.py::test_stored_value_is_a_hit_however_false_it_is",
            "test_result_cache.py::test_literals_are_part_of_the_key",
        ),
    ),
    24: (
        "chains and fan-ins of 100,000 run; a user's cycle is told",
        (
            "test_engine_loops.py::test_chain_of_100_000_nodes_runs",
            "test_engine_loops.py::test_fan_in_of_100_000_nodes_runs",
            "test_containers.py::"
            "test_call_that_depends_on_itself_through_a_list_is_a_cycle_with_names",
        ),
    ),
    25: (
        "maps, nested runs and retries count by the words, cold and warm",
        (
            "test_counting.py::test_cold_run_counts",
            "test_counting.py::test_warm_run_counts",
            "test_counting.py::test_nested_run_counts_apart_from_the_run_around_it",
        ),
    ),
    26: (
        "siblings start in declaration order",
        ("test_engine_concurrency.py::test_siblings_start_in_declaration_order",),
    ),
    27: (
        "unknown names and impossible amounts are refused at once",
        (
            "test_constraints.py::test_name_without_a_capacity_is_refused_before_anything_runs",
            "test_constraints.py::test_amount_above_the_capacity_is_refused_before_anything_runs",
            "test_constraints.py::test_lazy_amount_that_can_never_be_met_fails_its_node",
        ),
    ),
    28: (
        "runs at once, inside a run, on two loops in turn; an endless loop is cancelled",
        (
            "test_engine_concurrency.py::test_two_runs_at_once_on_one_engine_are_independent",
            "test_engine_concurrency.py::test_run_inside_a_task_of_a_run_works",
            "test_engine_concurrency.py::test_one_engine_serves_two_event_loops_in_turn",
            "test_failures.py::test_endless_loop_is_cancelled_by_a_timeout",
        ),
    ),
    29: (
        "an exception in a loop leaves counters exact and the engine usable",
        (
            "test_stats.py::test_exception_in_the_middle_of_a_loop_leaves_counters_exact",
            "test_stats.py::test_engine_is_usable_after_a_failure",
            "test_cancellation.py::test_engine_is_usable_afterwards",
        ),
    ),
    30: (
        "every kind of loop resolves as often as it has structures",
        (
            "test_engine_loops.py::test_loop_without_arguments_resolves_once",
            "test_engine_loops.py::test_loop_with_a_changing_literal_resolves_once",
            "test_engine_loops.py::test_loop_with_a_rebuilt_dependency_resolves_once",
            "test_engine_loops.py::test_loop_that_passes_on_the_value_resolves_twice",
            "test_engine_loops.py::test_mutual_recursion_resolves_once_for_each_task",
            "test_engine_loops.py::test_loop_between_two_shapes_resolves_twice_then_hits",
        ),
    ),
    31: (
        "depth and length are not bounded by the recursion limit",
        ("test_engine_loops.py::test_depth_is_not_bounded_by_the_recursion_limit",),
    ),
    32: (
        "others progress while a loop runs, and a timeout around it fires",
        (
            "test_engine_concurrency.py::test_other_coroutines_progress_while_a_loop_runs",
            "test_failures.py::test_endless_loop_is_cancelled_by_a_timeout",
        ),
    ),
    33: (
        "an iteration's resource is closed before the next iteration",
        ("test_resources.py::test_iteration_resource_is_closed_before_the_next_iteration",),
    ),
    34: (
        "the VM gives what the graph path gives, or refuses before anything runs",
        (
            "test_vm.py::test_nested_dependencies_are_compiled",
            "test_vm.py::test_options_and_inputs_give_what_the_graph_path_gives",
            "test_vm.py::test_executor_of_whole_plans_is_refused_before_anything_runs",
            "test_vm.py::test_tail_call_that_does_not_fit_fails_the_run",
        ),
    ),
    35: (
        "VM: mutual recursion, events, exceptions, shared nodes",
        (
            "test_vm.py::test_mutual_recursion_enters_each_task_once",
            "test_vm.py::test_events_are_those_of_the_graph_path_but_for_lookups",
            "test_vm.py::test_exception_comes_out_as_itself_with_a_note",
            "test_vm.py::test_shared_node_is_compiled_and_run_once",
        ),
    ),
    36: (
        "a false condition skips the node and all that needs its data, each told once",
        (
            "test_conditions.py::test_false_condition_skips_the_node_and_all_that_needs_its_data",
            "test_conditions.py::test_skipped_node_has_one_event_and_no_execution",
            "test_conditions.py::test_skipped_target_raises_dependency_missing",
            "test_conditions.py::test_node_after_a_skipped_one_runs",
        ),
    ),
    37: (
        "a raising condition fails the run; after keeps order and stops at a failure",
        (
            "test_conditions.py::test_raising_condition_fails_the_run",
            "test_conditions.py::test_after_keeps_order_along_a_chain",
            "test_conditions.py::test_chain_of_after_stops_at_a_failure",
        ),
    ),
    38: (
        "only the chosen route runs, and nothing of the others starts early",
        (
            "test_select.py::test_only_the_chosen_route_runs",
            "test_select.py::test_what_only_an_unchosen_route_needs_is_pruned",
            "test_select.py::test_what_a_running_node_needs_too_survives",
            "test_select.py::test_unknown_key_without_default_is_an_error_that_lists_the_keys",
            "test_select.py::test_two_selects_on_one_consumer",
            "test_select.py::test_sibling_in_the_selectors_own_stage_does_not_run_early",
        ),
    ),
    39: (
        "maps of every kind, with options per item",
        (
            "test_map.py::test_map_calls_the_task_once_for_each_item_in_order",
            "test_map.py::test_several_keywords_are_zipped",
            "test_map.py::test_unequal_lengths_are_refused_at_run",
            "test_map.py::test_empty_map_is_an_empty_list",
            "test_map.py::test_map_feeds_a_reducer",
            "test_map.py::test_retry_on_a_map_holds_for_each_item",
            "test_map.py::test_cache_on_a_map_holds_for_each_item",
            "test_map.py::test_constraints_on_a_map_hold_for_each_item",
        ),
    ),
}


@cache
def functions_in(file: str) -> frozenset[str]:
    tree = ast.parse((CORE / file).read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in tree.body if isinstance(node, functions))


def test_the_table_has_all_cases():
    assert list(CASES) == list(range(1, 40))
    assert all(claim and tests for claim, tests in CASES.values())


@pytest.mark.parametrize("number", CASES)
def test_each_case_has_its_tests(number: int):
    _, names = CASES[number]

    for name in names:
        file, _, test = name.partition("::")
        assert test in functions_in(file), name
