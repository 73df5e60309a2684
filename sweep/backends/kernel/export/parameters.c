// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/* parameters.c - one module parameter per parameter of the policy, named as in its table; the default is the
 * recommended value. */
#include <linux/module.h>
#include <linux/string.h>
#include "parameters.h"
#include "recommended.h"

const struct policy *const recommended_policy = &RECOMMENDED_POLICY;

#define RECOMMENDED_PARAM(name, value, help)                  \
	static unsigned long long param_##name = (value);     \
	module_param_named(name, param_##name, ullong, 0444); \
	MODULE_PARM_DESC(name, help);
RECOMMENDED_PARAMS
#undef RECOMMENDED_PARAM

s64 recommended_value(const char *name, s64 def)
{
#define RECOMMENDED_PARAM(param, value, help) \
	if (!strcmp(name, #param))            \
		return (s64)param_##param;
	RECOMMENDED_PARAMS
#undef RECOMMENDED_PARAM
	return def;
}
