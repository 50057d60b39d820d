/*
 * experiment_priv: experiments, their runs, and what came of each row (section 9).
 *
 *   record "experiment"      id from its slug, name = slug, status = type, body {name, workflow_id}
 *   record "run"             id from experiment and run id, name = run id, parent = experiment, status = running, completed or stopped,
 *                            time = created_at, body {name, progress, total, targets, workflow_version_id, created_at, finished_at,
 *                            stopped_at}; times in ms as sent
 *   record "run_item"        id from run, index and target, parent = run, seq = index, body {index, target_id, entry, predicted, cost,
 *                            duration, error, trace_id}
 *   record "run_evaluation"  id from run, evaluator, index and target, parent = run, seq = index, name = evaluator, status, body as sent
 *   record "run_step"        a step of a DSPy optimizer: id from run and index, parent = run, name = index, body as sent
 */
#ifndef DIALECT_LANGWATCH_EXPERIMENT_PRIV_H
#define DIALECT_LANGWATCH_EXPERIMENT_PRIV_H

#include "dialect/langwatch/rest_priv.h"

#define EXPERIMENT_KIND "experiment"
#define RUN_KIND        "run"
#define ITEM_KIND       "run_item"
#define EVALUATION_KIND "run_evaluation"
#define STEP_KIND       "run_step"

struct str langwatch__experiment_id(struct arena *a, struct str slug);
struct str langwatch__run_id(struct arena *a, struct str experiment_id, struct str run_id);
/* One evaluation, as log_results has it, of a run; experiment and run are made when they are not there (NULL). */
void langwatch__log_evaluation(struct call *c, struct batch *b, struct str slug, struct str run_id,
    const struct row *experiment, const struct row *run, struct json evaluation);

#endif
