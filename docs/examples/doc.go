// Package examples holds models as one would write them: each file is a story
// with its data made in code. Read them, change them, and run them with
//
//	go test -v -run Example ./docs/examples
package examples
