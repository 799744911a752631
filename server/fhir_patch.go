package server

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"

	"ember/fhir"
	"ember/server/auth"
)

const patchJSON = "application/json-patch+json"

// mostPatchTries bounds how often a patch is applied anew because somebody else wrote at
// the same time.
const mostPatchTries = 5

// patch is PATCH /fhir/{type}/{id}: a JSON Patch on the current version, or on the one in
// If-Match. Who may not read the resource cannot patch it: the tests of a patch would tell.
func (s *Server) patch(ctx context.Context, c *call) error {
	typ, id, err := c.typeAndID()
	if err != nil {
		return err
	}
	if _, ours := authored[typ+"/"+id]; ours {
		return errAuthored
	}
	media, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || media != patchJSON {
		return &Fault{Status: http.StatusUnsupportedMediaType, Code: "not-supported", Detail: "this kind of patch is not understood",
			Hint: "send a JSON Patch (RFC 6902) as " + patchJSON}
	}
	if err := c.accept(fhirJSON); err != nil {
		return err
	}
	asked, err := parseIfMatch(c.r.Header.Get("If-Match"))
	if err != nil {
		return err
	}
	if !c.who.Has(auth.Read) {
		return c.deny(ctx, "", "the right read is missing, which a patch needs", "put the whole resource instead")
	}
	ops, err := c.readBody()
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		old, err := c.stored(ctx, typ, id, 0, false)
		if err != nil {
			return err
		}
		if asked > 0 && old.Version != asked {
			return ErrVersion
		}
		body, err := fhir.Patch(old.Body, ops)
		if err != nil {
			return patchFault(err)
		}
		err = c.write(ctx, Write{Type: typ, ID: id, Body: body, IfVersion: old.Version})
		if asked == 0 && try < mostPatchTries && errors.Is(err, ErrVersion) {
			continue
		}
		return err
	}
}

func patchFault(err error) error {
	var e *fhir.PatchError
	if !errors.As(err, &e) {
		return err
	}
	f := &Fault{Status: http.StatusUnprocessableEntity, Code: "processing", Detail: e.Detail, Hint: "nothing was changed; read the resource and make the patch anew"}
	if e.Syntax {
		f.Status, f.Code, f.Hint = http.StatusBadRequest, "structure", "see RFC 6902"
	}
	if e.Op >= 0 {
		f.Path = fmt.Sprintf("[%d]", e.Op)
	}
	return f
}
