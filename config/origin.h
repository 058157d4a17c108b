// SPDX-License-Identifier: MIT
// Origins of web pages (RFC 6454: scheme://host[:port], or null) and rules that tell which of them
// may connect. Texts in, a verdict out; who asks, and what becomes of the refused, is net/'s.
//
// A rule is an origin; its host may be `*.example.com` (one or more labels in front, example.com
// itself not), its port `*`. The rule `*` is every origin but null. `!` in front makes it a denial.
// The first rule that matches decides; whom none matches is refused.

#ifndef CONFIG_ORIGIN_H
#define CONFIG_ORIGIN_H

#include "config/base/bytes.h"
#include "config/base/error.h"

// False with one line in *error that quotes the rule.
bool config_origin_rule_check(const char *rule, struct error *error) BASE_MUST_USE;
// Whether one rule, without its '!', matches. Both may be anything: what is malformed matches not.
bool config_origin_matches(const char *rule, struct bytes_span origin);

struct config_list;
bool config_origin_is_allowed(const struct config_list *rules, struct bytes_span origin);

#endif
