import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.rest.api.MethodOutcome;
import ca.uhn.fhir.rest.client.api.IGenericClient;
import ca.uhn.fhir.rest.client.api.ServerValidationModeEnum;
import ca.uhn.fhir.rest.server.exceptions.ResourceGoneException;
import java.util.ArrayList;
import java.util.List;
import org.hl7.fhir.instance.model.api.IBaseBundle;
import org.hl7.fhir.r4.model.*;

/**
 * Asks a running Ember by HAPI FHIR's client: the capability statement, read, search, page,
 * transact, history, follow references, and the operations. It stores resources of its own,
 * and deletes them.
 */
public class Client {
  static int checks;

  static void check(boolean ok, String what) {
    if (!ok) throw new IllegalStateException(what);
    checks++;
  }

  public static void main(String[] args) {
    FhirContext ctx = FhirContext.forR4();
    ctx.getRestfulClientFactory().setServerValidationMode(ServerValidationModeEnum.ONCE);
    IGenericClient client = ctx.newRestfulGenericClient(args[0]);
    CapabilityStatement said = client.capabilities().ofType(CapabilityStatement.class).execute();
    check("4.0.1".equals(said.getFhirVersion().toCode()), "the version of FHIR");

    Patient patient = new Patient();
    patient.setId("hapi-p");
    patient.addName().setFamily("Hapi").addGiven("A");
    patient.addIdentifier().setSystem("urn:hapi").setValue("1");
    MethodOutcome made = client.update().resource(patient).execute();
    check("1".equals(made.getId().getVersionIdPart()), "a version of the first");
    List<String> ids = new ArrayList<>();
    for (int n = 0; n < 7; n++) {
      Observation o = new Observation().setStatus(Observation.ObservationStatus.FINAL);
      o.getCode().addCoding().setSystem("http://loinc.org").setCode("hapi-1");
      o.setSubject(new Reference("Patient/hapi-p")).setEffective(new DateTimeType("2024-01-0" + (n + 1)));
      ids.add(client.create().resource(o).execute().getId().getIdPart());
    }
    Patient back = client.read().resource(Patient.class).withId("hapi-p").execute();
    check("Hapi".equals(back.getNameFirstRep().getFamily()), "read");

    Bundle page =
        client.search().forResource(Observation.class)
            .where(Observation.PATIENT.hasId("hapi-p"))
            .and(Observation.CODE.exactly().systemAndCode("http://loinc.org", "hapi-1"))
            .sort().descending(Observation.DATE).count(3).include(Observation.INCLUDE_SUBJECT)
            .returnBundle(Bundle.class).execute();
    check(page.getEntry().stream().anyMatch(e -> e.getResource() instanceof Patient), "_include");
    List<Observation> all = new ArrayList<>();
    while (page != null) {
      page.getEntry().stream().map(Bundle.BundleEntryComponent::getResource)
          .filter(Observation.class::isInstance).forEach(r -> all.add((Observation) r));
      page = page.getLink(IBaseBundle.LINK_NEXT) == null ? null : client.loadPage().next(page).execute();
    }
    check(all.size() == 7 && "2024-01-07".equals(all.get(0).getEffectiveDateTimeType().getValueAsString()), "pages in order");
    Patient followed = client.read().resource(Patient.class).withId(new IdType(all.get(0).getSubject().getReference())).execute();
    check(followed.getIdElement().getIdPart().equals("hapi-p"), "a reference is followed");

    followed.setActive(true);
    check("2".equals(client.update().resource(followed).execute().getId().getVersionIdPart()), "the second version");
    Bundle history = client.history().onInstance(new IdType("Patient", "hapi-p")).returnBundle(Bundle.class).execute();
    check(history.getEntry().size() == 2, "history");
    check(client.read().resource(Patient.class).withIdAndVersion("hapi-p", "1").execute().hasActive() == false, "vread");

    Bundle transaction = new Bundle().setType(Bundle.BundleType.TRANSACTION);
    for (String id : ids) transaction.addEntry().getRequest().setMethod(Bundle.HTTPVerb.DELETE).setUrl("Observation/" + id);
    transaction.addEntry().setFullUrl("urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a").setResource(new Patient().setActive(true))
        .getRequest().setMethod(Bundle.HTTPVerb.POST).setUrl("Patient");
    Bundle done = client.transaction().withBundle(transaction).execute();
    check(done.getEntry().size() == 8 && done.getEntry().get(7).getResponse().getStatus().startsWith("201"), "transaction");
    IdType second = new IdType(done.getEntry().get(7).getResponse().getLocation());

    Bundle everything = client.operation().onInstance("Patient/hapi-p").named("$everything").withNoParameters(Parameters.class)
        .useHttpGet().returnResourceType(Bundle.class).execute();
    check(everything.getEntry().size() == 1, "$everything");
    MethodOutcome report = client.validate().resource(new Observation()).execute();
    check(((OperationOutcome) report.getOperationOutcome()).getIssue().size() >= 2, "$validate");
    Patient ill = (Patient) client.search().forResource(Patient.class).count(1).returnBundle(Bundle.class).execute().getEntryFirstRep().getResource();
    Bundle advice = client.operation().onInstance("Patient/" + ill.getIdElement().getIdPart()).named("$recommend")
        .withParameter(Parameters.class, "want", new CodeType("treatments")).andParameter("limit", new IntegerType(3))
        .returnResourceType(Bundle.class).execute();
    check(advice.getEntryFirstRep().getResource() instanceof GuidanceResponse, "$recommend");
    CarePlan plan = client.operation().onInstance("PlanDefinition/ember-tests").named("$apply")
        .withParameter(Parameters.class, "subject", new StringType("Patient/" + ill.getIdElement().getIdPart()))
        .returnResourceType(CarePlan.class).execute();
    check(plan.getStatus() == CarePlan.CarePlanStatus.DRAFT, "$apply");

    client.delete().resourceById(new IdType("Patient", second.getIdPart())).execute();
    client.delete().resourceById(new IdType("Patient", "hapi-p")).execute();
    try {
      client.read().resource(Patient.class).withId("hapi-p").execute();
      check(false, "what is deleted is read");
    } catch (ResourceGoneException e) {
      check(e.getOperationOutcome() instanceof OperationOutcome, "an outcome with 410");
    }
    System.out.println("HAPI's client is content: " + checks + " checks");
    System.exit(0);
  }
}
