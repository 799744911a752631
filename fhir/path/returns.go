package path

// resultKinds are the kinds that functions and operators give.
var resultKinds = func() map[string]Kind {
	m := map[string]Kind{"count": Integer, "length": Integer, "indexOf": Integer, "lastIndexOf": Integer, "upper": String,
		"lower": String, "trim": String, "substring": String, "replace": String, "replaceMatches": String, "join": String,
		"encode": String, "decode": String, "getReferenceKey": String, "getResourceKey": String, "today": Date, "now": DateTime,
		"timeOfDay": Time, "ceiling": Integer, "floor": Integer, "truncate": Integer, "precision": Integer, "round": Decimal,
		"&": String, "div": Integer}
	for _, name := range [...]string{"empty", "exists", "not", "all", "allTrue", "anyTrue", "allFalse", "anyFalse", "isDistinct",
		"subsetOf", "supersetOf", "startsWith", "endsWith", "contains", "matches", "matchesFull", "hasValue", "is",
		"comparable", "=", "!=", "~", "!~", "<", ">", "<=", ">=", "in", "and", "or", "xor", "implies"} {
		m[name] = Boolean
	}
	for name, k := range systemTypes {
		m["to"+name], m["convertsTo"+name] = k, Boolean
	}
	return m
}()

// returns is the kind of what an expression gives, where the text alone tells.
func returns(t *tree) Kind {
	switch t.form {
	case formLiteral:
		return t.value.kind
	case formCall, formBinary, formType:
		return resultKinds[t.name]
	case formIndex:
		return Integer
	}
	return 0
}
