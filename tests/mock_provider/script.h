/* A scripted agent: a user's message may say what the model does in this turn and in those that follow, so
 * that any unmodified client plays a whole task. The script begins at a line "demo-script:" and ends at a
 * line "end" or with its text; each line is one turn, "think" and "text" belong to the line behind them and
 * "also" to the one before it:
 *
 *     mock WORDS          commands, as in "mock"
 *     think TEXT          signed reasoning first
 *     text TEXT           and then this text
 *     call NAME {JSON}    call a tool; required members that are not given are made up from its schema
 *     also NAME {JSON}    and another one in the same turn
 *     say TEXT            the answer; {result} stands for what the last tool said
 */
#ifndef TR_MOCK_SCRIPT_H
#define TR_MOCK_SCRIPT_H

#include "wire.h"

#define SCRIPT_MARK "demo-script:"

/* Puts the script that a has, decoded, into j->script and applies its commands to j->spec. False when a
 * command is malformed; an empty j->script: there is none. */
bool script_open(struct job *j, const struct ask *a);
/* Fill in the turn that is due: thought, text, tools. False when the script has no such turn. */
bool script_turn(struct job *j, const struct ask *a);

#endif
