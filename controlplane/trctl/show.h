/* Answers for people: lists as tables, objects as lines. */
#ifndef TR_CONTROLPLANE_TRCTL_SHOW_H
#define TR_CONTROLPLANE_TRCTL_SHOW_H

#include "view.h"

#include <stdbool.h>
#include <stdio.h>

struct json_object;

/* The parsed answer: NULL when it is no JSON. The caller's, json_object_put(). */
struct json_object *show_parse(struct view json);
/* A list (the first member that is an array of objects, "data" before others) as a table of these columns, separated by
 * single spaces ("": the members of its first row that are not objects); what stands beside it below; anything else
 * as "name  value" lines; with columns, lists of objects inside of "data" are tables below them, of the columns that they have. What could steer a terminal is shown as '?'. */
void show_table(struct json_object *o, const char *columns, FILE *to);
void show_json(struct json_object *o, FILE *to);
/* "data" of the next page is put behind o's. False: one of them is no list. */
bool show_join(struct json_object *o, struct json_object *next);
/* How many rows "data" has; 0 also when it is no list. */
size_t show_rows(struct json_object *o);
/* o's next_cursor; NULL: this was the last page. */
const char *show_cursor(struct json_object *o);

#endif
