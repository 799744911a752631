package server

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"time"

	"ember/server/auth"
)

// class groups requests that share places and a deadline, so that loads cannot
// starve recommendations.
type class uint8

const (
	classProbe class = iota
	classAsk
	classData
	classLoad
	classWait  // a part of the probes that waits for the index
	classWatch // follows a job to its end
	classFile  // a file goes out, for as long as it takes
	classHook  // CDS Hooks, which would rather have no cards than wait
	classes
)

// route is one method on one path pattern.
type route struct {
	method, pattern string
	right           auth.Rights // 0 = any known caller
	public          bool        // nobody has to say who they are
	class           class
	handle          func(ctx context.Context, c *call) error
}

// routes are all routes; GET answers HEAD as well.
func (s *Server) routes() []route {
	return slices.Concat(s.fhirRoutes(), s.guidanceRoutes(), s.viewRoutes(), s.studyRoutes(), s.bulkRoutes(), s.cohortModelRoutes(), s.atlasRoutes(), s.groupRoutes(), s.ehrRoutes(), s.subscriptionRoutes(), s.smartRoutes(), s.smartAppRoutes(), []route{
		{http.MethodPost, "/fhir", auth.Write, false, classLoad, s.load},
		{http.MethodPost, "/fhir/{type}", auth.Write, false, classData, s.create},
		{http.MethodPut, "/fhir/{type}/{id}", auth.Write, false, classData, s.update},
		{http.MethodPatch, "/fhir/{type}/{id}", auth.Write, false, classData, s.patch},
		{http.MethodGet, "/fhir/{type}/{id}", auth.Read, false, classData, s.read},
		{http.MethodDelete, "/fhir/{type}/{id}", auth.Write, false, classData, s.remove},
		{http.MethodGet, "/fhir/{type}/{id}/_history/{vid}", auth.Read, false, classData, s.readVersion},
		{http.MethodGet, "/v1/patients/{id}/recommendations", auth.Recommend, false, classAsk, s.recommendStored},
		{http.MethodGet, "/v1/patients/{id}/risk", auth.Predict, false, classAsk, s.patientRisk},
		{http.MethodGet, "/v1/recommender/card", auth.Recommend, false, classData, s.recommenderCard},
		{http.MethodGet, "/v1/recommender/feedback", auth.Recommend, false, classData, s.learned},
		{http.MethodPost, "/v1/feedback", auth.Recommend, false, classData, s.respond},
		{http.MethodPost, "/v1/recommendations", auth.Recommend, false, classAsk, s.recommendPosted},
		{http.MethodGet, "/v1/search", auth.Search, false, classAsk, s.search},
		{http.MethodPost, "/v1/cohorts/count", auth.Cohorts, false, classAsk, s.cohorts(s.countCohort)},
		{http.MethodPost, "/v1/cohorts/facets", auth.Cohorts, false, classAsk, s.cohorts(s.cohortFacets)},
		{http.MethodPost, "/v1/cohorts/compare", auth.Cohorts, false, classAsk, s.cohorts(s.compareCohorts)},
		{http.MethodGet, "/v1/cohorts/names", auth.Cohorts, false, classAsk, s.cohorts(s.cohortNames)},
		{http.MethodPost, "/v1/cohorts/why", auth.Members, false, classAsk, s.cohorts(s.askWhy)},
		{http.MethodGet, "/v1/cohorts", auth.Cohorts, false, classData, s.cohorts(s.listCohorts)},
		{http.MethodPost, "/v1/cohorts", auth.Cohorts, false, classData, s.cohorts(s.saveCohort)},
		{http.MethodGet, "/v1/cohorts/{name}", auth.Cohorts, false, classAsk, s.cohorts(s.showCohort)},
		{http.MethodDelete, "/v1/cohorts/{name}", auth.Cohorts, false, classData, s.cohorts(s.dropCohort)},
		{http.MethodGet, "/v1/cohorts/{name}/members", auth.Members, false, classData, s.cohorts(s.cohortMembers)},
		{http.MethodGet, "/v1/cohorts/{name}/why", auth.Members, false, classAsk, s.cohorts(s.memberWhy)},
		{http.MethodGet, "/v1/cohorts/{name}/export", auth.Members, false, classLoad, s.cohorts(s.exportCohort)},
		{http.MethodGet, "/v1/datasets", auth.Models, false, classData, s.modelled(s.listDatasets)},
		{http.MethodPost, "/v1/datasets/{name}", auth.Models, false, classLoad, s.modelled(s.putDataset)},
		{http.MethodGet, "/v1/datasets/{name}", auth.Models, false, classData, s.modelled(s.showDataset)},
		{http.MethodDelete, "/v1/datasets/{name}", auth.Models, false, classData, s.modelled(s.dropDataset)},
		{http.MethodGet, "/v1/datasets/{name}/report", auth.Models, false, classData, s.modelled(s.datasetReport)},
		{http.MethodGet, "/v1/jobs", auth.Models, false, classData, s.modelled(s.listJobs)},
		{http.MethodPost, "/v1/jobs", auth.Models, false, classData, s.modelled(s.submit)},
		{http.MethodGet, "/v1/jobs/{id}", auth.Models, false, classData, s.modelled(s.showJob)},
		{http.MethodDelete, "/v1/jobs/{id}", auth.Models, false, classData, s.modelled(s.cancelJob)},
		{http.MethodGet, "/v1/jobs/{id}/events", auth.Models, false, classWatch, s.modelled(s.jobEvents)},
		{http.MethodGet, "/v1/models", auth.Predict, false, classData, s.listModels},
		{http.MethodGet, "/v1/models/{name}", auth.Predict, false, classData, s.modelled(s.showModel)},
		{http.MethodPost, "/v1/models/{name}/predict", auth.Predict, false, classAsk, s.modelled(s.predict)},
		{http.MethodPost, "/v1/models/{name}/promote", auth.Models, false, classData, s.modelled(s.promote)},
		{http.MethodPost, "/v1/models/{name}/rollback", auth.Models, false, classData, s.modelled(s.rollback)},
		{http.MethodGet, "/v1/models/{name}/shadow", auth.Models, false, classData, s.modelled(s.shadow)},
		{http.MethodPut, "/v1/models/{name}/shadow", auth.Models, false, classData, s.modelled(s.setShadow)},
		{http.MethodDelete, "/v1/models/{name}/shadow", auth.Models, false, classData, s.modelled(s.endShadow)},
		{http.MethodGet, "/v1/models/{name}/versions", auth.Predict, false, classData, s.modelled(s.listVersions)},
		{http.MethodGet, "/v1/models/{name}/versions/{version}", auth.Predict, false, classData, s.modelled(s.showModel)},
		{http.MethodDelete, "/v1/models/{name}/versions/{version}", auth.Models, false, classData, s.modelled(s.dropVersion)},
		{http.MethodGet, "/v1/models/{name}/versions/{version}/card", auth.Predict, false, classData, s.modelled(s.card)},
		{http.MethodGet, "/v1/models/{name}/versions/{version}/evaluation", auth.Predict, false, classData, s.modelled(s.evaluation)},
		{http.MethodGet, "/v1/models/{name}/versions/{version}/export", auth.Models, false, classData, s.modelled(s.export)},
		{http.MethodPost, "/v1/embeddings", auth.Predict, false, classAsk, s.embeddings},
		{http.MethodGet, "/v2", 0, true, classProbe, s.serverInfo},
		{http.MethodGet, "/v2/health/live", 0, true, classProbe, s.liveness},
		{http.MethodGet, "/v2/health/ready", 0, true, classProbe, s.readiness},
		{http.MethodPost, "/v2/repository/index", auth.Predict, false, classData, s.modelled(s.repository)},
		{http.MethodGet, "/v2/models/stats", auth.Predict, false, classData, s.modelled(s.modelStats)},
		{http.MethodGet, "/v2/models/{name}/stats", auth.Predict, false, classData, s.modelled(s.modelStats)},
		{http.MethodGet, "/v2/models/{name}/versions/{version}/stats", auth.Predict, false, classData, s.modelled(s.modelStats)},
		{http.MethodGet, "/v2/models/{name}", auth.Predict, false, classData, s.modelled(s.modelMetadata)},
		{http.MethodGet, "/v2/models/{name}/ready", auth.Predict, false, classData, s.modelled(s.modelReady)},
		{http.MethodGet, "/v2/models/{name}/config", auth.Predict, false, classData, s.modelled(s.modelConfig)},
		{http.MethodPost, "/v2/models/{name}/infer", auth.Predict, false, classAsk, s.modelled(s.infer)},
		{http.MethodGet, "/v2/models/{name}/versions/{version}", auth.Predict, false, classData, s.modelled(s.modelMetadata)},
		{http.MethodGet, "/v2/models/{name}/versions/{version}/ready", auth.Predict, false, classData, s.modelled(s.modelReady)},
		{http.MethodGet, "/v2/models/{name}/versions/{version}/config", auth.Predict, false, classData, s.modelled(s.modelConfig)},
		{http.MethodPost, "/v2/models/{name}/versions/{version}/infer", auth.Predict, false, classAsk, s.modelled(s.infer)},
		{http.MethodGet, hooksPath, auth.Recommend, false, classData, s.hooked(s.hookServices)},
		{http.MethodOptions, hooksPath, 0, true, classProbe, s.preflight},
		{http.MethodPost, hooksPath + "/{id}", auth.Recommend, false, classHook, s.hooked(s.callHook)},
		{http.MethodOptions, hooksPath + "/{id}", 0, true, classProbe, s.preflight},
		{http.MethodPost, hooksPath + "/{id}/feedback", auth.Recommend, false, classAsk, s.hooked(s.hookFeedback)},
		{http.MethodOptions, hooksPath + "/{id}/feedback", 0, true, classProbe, s.preflight},
		{http.MethodGet, "/v1/status", 0, false, classProbe, s.status},
		{http.MethodGet, "/metrics", auth.Admin, false, classProbe, s.exposeMetrics},
		{http.MethodGet, "/healthz", 0, true, classProbe, s.healthz},
		{http.MethodGet, "/readyz", 0, true, classProbe, s.readyz},
		{http.MethodGet, "/openapi.json", 0, true, classProbe, s.openAPI},
	})
}

// modelled is a handler that needs the model service; without one nothing is there.
func (s *Server) modelled(h func(context.Context, *call) error) func(context.Context, *call) error {
	if s.deps.Models == nil {
		return func(context.Context, *call) error { return ErrNotFound }
	}
	return h
}

// cohorts is a handler that needs cohorts; without them nothing is there.
func (s *Server) cohorts(h func(context.Context, *call) error) func(context.Context, *call) error {
	if s.deps.Cohorts == nil {
		return func(context.Context, *call) error { return ErrNotFound }
	}
	return h
}

// Routes are all routes as "METHOD /path/{parameter}"; HEAD, which answers
// wherever GET does, is left out.
func (s *Server) Routes() []string {
	var all []string
	for _, rt := range s.routes() {
		all = append(all, rt.method+" "+rt.pattern)
	}
	return all
}

// timeout is how long a request of the class may take.
func (s *Server) timeout(c class) time.Duration {
	switch c {
	case classLoad, classWatch, classFile:
		return s.opt.Timeouts.Load
	case classProbe:
		return s.opt.Timeouts.Wait
	}
	return s.opt.Timeouts.Ask
}

// noRoute answers where no route is: 405 where the path has others.
func noRoute(_ context.Context, c *call) error {
	if own := c.s.overlaps.of(c.r.URL.Path); own != nil {
		return c.notAllowed(own)
	}
	return &Fault{Status: http.StatusNotFound, Code: "not-found", Detail: "there is nothing at this path",
		Hint: "the paths are listed at /openapi.json; resources are at /fhir/{type}/{id}"}
}

// FHIR's rules for the names of types and for logical ids.
var (
	typeName  = regexp.MustCompile(`^[A-Z][A-Za-z]{1,63}$`)
	logicalID = regexp.MustCompile(`^[A-Za-z0-9.\-]{1,64}$`)
)

// typeParam is the resource type in the path.
func (c *call) typeParam() (string, error) {
	typ := c.params.ByName("type")
	if !typeName.MatchString(typ) {
		return "", &Fault{Status: http.StatusNotFound, Code: "not-found", Detail: "the path holds no resource type",
			Hint: "types begin with a capital letter, as in /fhir/Observation/123"}
	}
	return typ, nil
}

// idParam is the logical id in the path.
func (c *call) idParam() (string, error) {
	id := c.params.ByName("id")
	if !logicalID.MatchString(id) {
		return "", &Fault{Status: http.StatusBadRequest, Code: "value", Detail: "the id in the path is no FHIR id",
			Hint: "an id has 1 to 64 letters, digits, dots and hyphens"}
	}
	return id, nil
}

// typeAndID are both.
func (c *call) typeAndID() (typ, id string, err error) {
	if typ, err = c.typeParam(); err != nil {
		return "", "", err
	}
	id, err = c.idParam()
	return typ, id, err
}
