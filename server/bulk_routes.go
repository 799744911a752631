package server

import (
	"context"
	"iter"
	"net/http"
	"time"

	"ember/bulk"
	"ember/server/auth"
)

// Bulk is what the server needs of bulk data; *bulk.Service is it.
type Bulk interface {
	BulkJobs
	BulkFiles
	BulkRecords
}

// BulkRecords gives what exports would write without a job.
type BulkRecords interface {
	Mask(mode, base string) (bulk.Mask, error)
	Records(ctx context.Context, e bulk.Export, patients iter.Seq2[string, error]) iter.Seq2[[]byte, error]
}

// BulkJobs begins and ends jobs.
type BulkJobs interface {
	Start(j bulk.Job) (bulk.Job, error)
	Poll(id string) (j bulk.Job, wait time.Duration, early bool, err error)
	Drop(id string) error
}

// BulkFiles gives what came of jobs, and says what can be asked for.
type BulkFiles interface {
	Get(id string) (bulk.Job, error)
	File(id, name string) (bulk.Content, bulk.File, error)
	HasGroup(ctx context.Context, group string) error
	Allowed(address string) bool
}

// bulkPath is where jobs are.
const bulkPath = "/v1/bulk/"

// bulkRoutes are HL7's Bulk Data Access: exports of the system, of patients and of
// groups, and imports; jobs and their files are at addresses of their own.
func (s *Server) bulkRoutes() []route {
	system, patient, group := s.bulky(s.exportOf(bulk.System)), s.bulky(s.exportOf(bulk.Patient)), s.bulky(s.exportOf(bulk.Group))
	return []route{
		{http.MethodGet, "/fhir/$export", auth.Export, false, classData, system},
		{http.MethodPost, "/fhir/$export", auth.Export, false, classData, system},
		{http.MethodGet, "/fhir/Patient/$export", auth.Export, false, classData, patient},
		{http.MethodPost, "/fhir/Patient/$export", auth.Export, false, classData, patient},
		{http.MethodGet, "/fhir/Group/{id}/$export", auth.Export, false, classData, group},
		{http.MethodPost, "/fhir/Group/{id}/$export", auth.Export, false, classData, group},
		{http.MethodPost, "/fhir/$import", auth.Write, false, classData, s.bulky(s.importFiles)},
		{http.MethodGet, bulkPath + "{id}", 0, false, classData, s.bulky(s.bulkStatus)},
		{http.MethodDelete, bulkPath + "{id}", 0, false, classData, s.bulky(s.endBulk)},
		{http.MethodGet, bulkPath + "{id}/{file}", 0, false, classFile, s.bulky(s.bulkFile)},
	}
}

// bulky is a handler that needs bulk data; without it nothing is there.
func (s *Server) bulky(h func(context.Context, *call) error) func(context.Context, *call) error {
	if s.deps.Bulk == nil {
		return func(context.Context, *call) error { return ErrNotFound }
	}
	return h
}
