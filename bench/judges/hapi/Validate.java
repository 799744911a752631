import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.ResultSeverityEnum;
import ca.uhn.fhir.validation.SingleValidationMessage;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.UnknownCodeSystemWarningValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;

/**
 * Validates resources by HAPI's validator against the base specification R4, without a
 * terminology server: one resource a line on stdin; a line per type with how many there
 * were and how many errors, and each error with its place. Exit 1 when there is any.
 */
public class Validate {

  public static void main(String[] args) throws Exception {
    FhirContext ctx = FhirContext.forR4();
    UnknownCodeSystemWarningValidationSupport unknown = new UnknownCodeSystemWarningValidationSupport(ctx);
    unknown.setNonExistentCodeSystemSeverity(ca.uhn.fhir.context.support.IValidationSupport.IssueSeverity.INFORMATION);
    ValidationSupportChain chain =
        new ValidationSupportChain(
            new DefaultProfileValidationSupport(ctx),
            new InMemoryTerminologyServerValidationSupport(ctx),
            new CommonCodeSystemsTerminologyService(ctx),
            unknown);
    FhirInstanceValidator instance = new FhirInstanceValidator(chain);
    instance.setAnyExtensionsAllowed(true);
    FhirValidator validator = ctx.newValidator().registerValidatorModule(instance);
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    ObjectMapper json = new ObjectMapper();
    Map<String, int[]> types = new TreeMap<>();
    int errors = 0;
    for (String line; (line = in.readLine()) != null; ) {
      if (line.isBlank()) continue;
      String type = json.readTree(line).path("resourceType").asText("?");
      int[] count = types.computeIfAbsent(type, t -> new int[2]);
      count[0]++;
      for (SingleValidationMessage m : validator.validateWithResult(line).getMessages()) {
        if (m.getSeverity().ordinal() < ResultSeverityEnum.ERROR.ordinal()) continue;
        count[1]++;
        errors++;
        System.err.println(type + " " + m.getLocationString() + ": " + m.getMessage());
      }
    }
    for (Map.Entry<String, int[]> e : types.entrySet())
      System.out.println(e.getKey() + "\t" + e.getValue()[0] + "\t" + e.getValue()[1]);
    System.exit(errors > 0 ? 1 : 0);
  }
}
