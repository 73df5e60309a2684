/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* parameters.h - the recommended policy, and the values that it is to have. */
#ifndef PARAMETERS_H
#define PARAMETERS_H
#include "policy.h"

extern const struct policy *const recommended_policy;

/* The module parameter of that name; `def` for a name that is none. */
s64 recommended_value(const char *name, s64 def);

#endif
