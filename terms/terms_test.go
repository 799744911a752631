package terms_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ember/record"
	"ember/terms"
)

func TestTablesAreDeepEnough(t *testing.T) {
	x := load(t)
	count := func(file string) int {
		data, err := os.ReadFile(filepath.Join("tables", file))
		if err != nil {
			t.Fatal(err)
		}
		n := -1 // header
		for line := range strings.Lines(string(data)) {
			f := strings.Split(strings.TrimRight(line, "\n"), "\t")
			if strings.HasPrefix(line, "#") {
				continue
			}
			n++
			if f[len(f)-1] == "" {
				t.Errorf("%s: row without source: %q", file, line)
			}
		}
		return n
	}
	for file, least := range map[string]int{"ingredients.tsv": 700, "brands.tsv": 500, "members.tsv": 1000, "analytes.tsv": 60, "value-sets.tsv": 200, "allergens.tsv": 200} {
		if n := count(file); n < least {
			t.Errorf("%s: %d rows, want at least %d", file, n, least)
		}
	}
	if len(x.Version()) != 12 || x.Version() != load(t).Version() {
		t.Errorf("version %q is not 12 digits or not deterministic", x.Version())
	}
}

// pairs are the classes of the ONC high-priority list with members the
// publication or the FDA labels name.
func TestClassesOfTheONCList(t *testing.T) {
	x := load(t)
	for class, members := range map[string]string{
		"amphetamines":               "amphetamine dextroamphetamine lisdexamfetamine methamphetamine",
		"maoi":                       "phenelzine tranylcypromine isocarboxazid selegiline",
		"atazanavir":                 "atazanavir",
		"ppi":                        "omeprazole esomeprazole lansoprazole pantoprazole rabeprazole dexlansoprazole",
		"febuxostat":                 "febuxostat",
		"thiopurine":                 "azathioprine mercaptopurine",
		"serotonergic":               "fluoxetine sertraline paroxetine citalopram escitalopram venlafaxine duloxetine",
		"irinotecan":                 "irinotecan",
		"cyp3a4-inhibitor-strong":    "clarithromycin itraconazole ketoconazole posaconazole voriconazole ritonavir nefazodone cobicistat",
		"opioid":                     "meperidine fentanyl tramadol methadone morphine oxycodone",
		"tca":                        "amitriptyline nortriptyline imipramine clomipramine doxepin",
		"qt-prolonging":              "amiodarone sotalol dofetilide haloperidol methadone thioridazine pimozide ziprasidone quinidine moxifloxacin",
		"ramelteon":                  "ramelteon",
		"cyp1a2-inhibitor-strong":    "fluvoxamine ciprofloxacin",
		"protease-inhibitor":         "atazanavir darunavir ritonavir lopinavir saquinavir",
		"cyp3a4-inducer-strong":      "rifampin carbamazepine phenytoin",
		"statin-cyp3a4":              "simvastatin lovastatin atorvastatin",
		"cyp3a4-inhibitor":           "clarithromycin diltiazem fluconazole ritonavir",
		"ergot":                      "ergotamine dihydroergotamine methylergonovine",
		"tizanidine":                 "tizanidine",
		"cyp1a2-inhibitor":           "fluvoxamine ciprofloxacin cimetidine",
		"tranylcypromine":            "tranylcypromine",
		"procarbazine":               "procarbazine",
		"triptan":                    "sumatriptan rizatriptan zolmitriptan",
		"nitrate":                    "nitroglycerin",
		"pde5-inhibitor":             "sildenafil tadalafil",
		"gemfibrozil":                "gemfibrozil",
		"metformin":                  "metformin",
		"iodinated-contrast":         "iohexol iopamidol",
		"linezolid":                  "linezolid",
		"sympathomimetic":            "pseudoephedrine epinephrine dopamine",
		"penicillin":                 "amoxicillin piperacillin",
		"cephalosporin":              "cefazolin ceftriaxone",
		"r1-aminopenicillin":         "amoxicillin ampicillin cephalexin cefaclor",
		"sulfonamide-antibiotic":     "sulfamethoxazole sulfadiazine",
		"nsaid":                      "ibuprofen aspirin ketorolac",
		"aspirin":                    "aspirin",
		"ace-inhibitor":              "lisinopril enalapril",
		"arb":                        "losartan valsartan",
		"sacubitril":                 "sacubitril",
		"opioid-morphinan":           "codeine morphine",
		"contrast":                   "iohexol gadobutrol",
		"statin":                     "simvastatin rosuvastatin",
		"ssri":                       "sertraline",
		"snri":                       "venlafaxine",
		"benzodiazepine":             "lorazepam",
		"anticoagulant":              "warfarin heparin apixaban",
		"non-selective-beta-blocker": "propranolol carvedilol",
		"potassium-sparing-diuretic": "spironolactone amiloride",
		"isotretinoin":               "isotretinoin",
		"warfarin":                   "warfarin",
	} {
		got := x.Class(class)
		for _, name := range strings.Fields(members) {
			if !slices.ContainsFunc(got, func(i terms.Ingredient) bool { return i.Name == name && i.Is(class) }) {
				t.Errorf("class %s lacks %s", class, name)
			}
		}
		if display, source := x.ClassText(class); display == "" || source == "" {
			t.Errorf("class %s has no text or no source", class)
		}
	}
}

func TestClassesFitTogether(t *testing.T) {
	x := load(t)
	contains := func(whole string, parts ...string) {
		for _, p := range parts {
			for _, i := range x.Class(p) {
				if !i.Is(whole) {
					t.Errorf("%s is %s but not %s", i.Name, p, whole)
				}
			}
		}
	}
	contains("cyp3a4-inhibitor", "cyp3a4-inhibitor-strong", "cyp3a4-inhibitor-moderate")
	contains("cyp1a2-inhibitor", "cyp1a2-inhibitor-strong")
	contains("serotonergic", "ssri", "snri", "triptan")
	contains("opioid", "opioid-morphinan", "opioid-phenylpiperidine")
	contains("beta-lactam", "penicillin", "cephalosporin", "carbapenem", "monobactam")
	contains("statin", "statin-cyp3a4")
	contains("contrast", "iodinated-contrast", "contrast-gadolinium")
	contains("beta-blocker", "non-selective-beta-blocker")
	contains("anticoagulant", "doac", "lmwh", "vitamin-k-antagonist")
	for _, i := range x.Class("qt-prolonging") {
		if i.Is("qt-possible") {
			t.Errorf("%s is in both tiers of QT", i.Name)
		}
	}
	for _, i := range x.Class("benzodiazepine") {
		if i.Is("opioid") {
			t.Errorf("%s is a benzodiazepine and an opioid", i.Name)
		}
	}
}

func TestAllergen(t *testing.T) {
	x := load(t)
	for _, c := range []struct {
		text, ingredients, classes string
		none, mapped               bool
	}{
		{text: "PCN", classes: "penicillin", mapped: true},
		{text: "penicillins", classes: "penicillin", mapped: true},
		{text: "Allergy to penicillin", classes: "penicillin", mapped: true},
		{text: "Penicillin G", ingredients: "penicillin g", mapped: true},
		{text: "PENICILLIN V POTASSIUM", ingredients: "penicillin v", mapped: true},
		{text: "Penicillamine", ingredients: "penicillamine", mapped: true},
		{text: "SULFA", classes: "sulfonamide-antibiotic", mapped: true},
		{text: "Sulfa's", classes: "sulfonamide-antibiotic", mapped: true},
		{text: "CODEINE PHOSPHATE", ingredients: "codeine", mapped: true},
		{text: "NKDA", none: true},
		{text: "No known allergies", none: true},
		{text: "see cerner", none: true},
		{text: "No Known Latex Allergy (situation)", none: true},
		{text: "denies any penicillin allergy", none: true},
		{text: "No known drug allergies except codeine", ingredients: "codeine", mapped: true},
		{text: "None", none: true},
		{text: "penicillin, other unknown", classes: "penicillin", mapped: true},
		{text: "NSAIDS", classes: "nsaid", mapped: true},
		{text: "IV contrast dye", classes: "iodinated-contrast", mapped: true},
		{text: "IODINE", ingredients: "iodine", classes: "iodinated-contrast", mapped: true},
		{text: "Shellfish", mapped: true},
		{text: "latex", mapped: true},
		{text: "House dust mite (organism)", mapped: true},
		{text: "gemfibrozil, PCN ", ingredients: "gemfibrozil", classes: "penicillin", mapped: true},
		{text: "? norco / opiates", ingredients: "acetaminophen hydrocodone", classes: "opioid", mapped: true},
		{text: "ACE-I", classes: "ace-inhibitor", mapped: true},
		{text: "BACTRIM", ingredients: "sulfamethoxazole trimethoprim", mapped: true},
		{text: "statins", classes: "statin", mapped: true},
		{text: "ASPIR 81", ingredients: "aspirin", mapped: true},
		{text: "hives and swelling"},
		{text: "xyzzy"},
	} {
		a := x.Allergen(nil, c.text)
		var names []string
		for _, i := range a.Ingredients {
			names = append(names, i.Name)
		}
		if strings.Join(names, " ") != c.ingredients && strings.Join(names, " / ") != c.ingredients ||
			strings.Join(a.Classes, " ") != c.classes || a.None != c.none || a.Mapped != c.mapped {
			t.Errorf("%q: %v %v none %v mapped %v", c.text, names, a.Classes, a.None, a.Mapped)
		}
		if a.Concept.Zero() {
			t.Errorf("%q: no concept", c.text)
		}
		back := x.Allergen([]record.Code{a.Concept}, "")
		if back.Mapped != a.Mapped || a.Mapped && !back.Concept.Is(a.Concept) {
			t.Errorf("%q: the way back from %v gives %+v", c.text, a.Concept, back)
		}
	}
	aspirin := x.Allergen([]record.Code{{System: record.RxNorm, Value: "1191", Display: "Aspirin"}}, "")
	if len(aspirin.Ingredients) != 1 || !aspirin.Ingredients[0].Is("nsaid") {
		t.Errorf("RxNorm 1191: %+v", aspirin)
	}
	if a := x.Allergen([]record.Code{{System: record.SNOMED, Value: "716186003"}}, ""); !a.None || a.Mapped {
		t.Errorf("no known allergy by code: %+v", a)
	}
	fish := x.Allergen([]record.Code{{System: record.SNOMED, Value: "735971005", Display: "Fish (substance)"}}, "Fish (substance)")
	if !fish.Mapped || fish.Concept.Value != "735971005" {
		t.Errorf("fish: %+v", fish)
	}
}

func TestCondition(t *testing.T) {
	x := load(t)
	snomed := func(v, d string) []record.Code { return []record.Code{{System: record.SNOMED, Value: v, Display: d}} }
	icd := func(system, v string) []record.Code { return []record.Code{{System: system, Value: v}} }
	for _, c := range []struct {
		codes []record.Code
		text  string
		kind  record.Kind
		want  string
	}{
		{snomed("59621000", "Essential hypertension (disorder)"), "", record.Condition, record.SNOMED + "|59621000"},
		{snomed("314529007", "Medication review due (situation)"), "", record.Finding, record.SNOMED + "|314529007"},
		{snomed("160903007", "Full-time employment (finding)"), "", record.Finding, record.SNOMED + "|160903007"},
		{snomed("44465007", "Sprain of ankle"), "", record.Condition, record.SNOMED + "|44465007"},
		{snomed("72892002", "Normal pregnancy"), "", record.Finding, record.SNOMED + "|72892002"},
		{snomed("428251008", "History of appendectomy"), "", record.Finding, record.SNOMED + "|428251008"},
		{snomed("840544004", "Suspected COVID-19"), "", record.Finding, record.SNOMED + "|840544004"},
		{icd(record.ICD10CM, "J96.00"), "", record.Condition, record.ICD10CM + "|J96"},
		{icd(record.ICD10CM, "R07.9"), "", record.Finding, record.ICD10CM + "|R07"},
		{icd(record.ICD10CM, "R65.21"), "", record.Condition, record.ICD10CM + "|R65"},
		{icd(record.ICD10CM, "Z99.2"), "", record.Finding, record.ICD10CM + "|Z99"},
		{icd(record.ICD9CM, "250.13"), "", record.Condition, record.ICD9CM + "|250"},
		{icd(record.ICD9CM, "E950.4"), "", record.Finding, record.ICD9CM + "|E950"},
		{icd(record.ICD9CM, "V58.61"), "", record.Finding, record.ICD9CM + "|V58"},
		{append(icd(record.ICD9CM, "518.81"), icd(record.ICD10CM, "J96.00")...), "pulmonary > respiratory failure", record.Condition, record.ICD10CM + "|J96"},
		{nil, "cardiovascular >  shock / hypotension > Hypotension", record.Condition, record.Text + "|cardiovascular > shock / hypotension > hypotension"},
		{nil, "cardiovascular|chest pain / ASHD|chest pain", record.Finding, record.Text + "|cardiovascular > chest pain / ashd > chest pain"},
	} {
		kind, code := x.Condition(c.codes, c.text)
		if kind != c.kind || code.Key() != c.want {
			t.Errorf("%v %q: %v %s, want %v %s", c.codes, c.text, kind, code.Key(), c.kind, c.want)
		}
	}
}

func TestProcedure(t *testing.T) {
	x := load(t)
	for want, texts := range map[record.Kind]string{
		record.Test: `Plain chest X-ray (procedure)|Depression screening (procedure)|Throat culture (procedure)|Electrocardiographic procedure|Biopsy of breast (procedure)|
Spirometry (procedure)|Colonoscopy|Hemogram, automated|Assessment of anxiety (procedure)|Bone density scan (procedure)|Pre-surgery testing (procedure)|Sputum microscopy (procedure)|
pulmonary > radiologic procedures / bronchoscopy > chest x-ray|infectious diseases > cultures / immuno-assays > cultures > blood|burns/trauma > trauma > CT scan > abdomen|
cardiovascular > non-operative procedures > cardiac angiography > left heart|cardiovascular > non-operative procedures > diagnostic ultrasound of heart|neurologic > procedures / diagnostics > lumbar puncture`,
		record.Procedure: `Renal dialysis (procedure)|Dental care (regime/therapy)|Coronary artery bypass grafting (procedure)|Insertion of catheter into artery (procedure)|Medication Reconciliation (procedure)|
Referral to cardiology service (procedure)|Transfusion of packed red blood cells (procedure)|Physical therapy procedure (regime/therapy)|Appendectomy|
pulmonary > ventilation and oxygenation > mechanical ventilation|pulmonary > radiologic procedures / bronchoscopy > endotracheal tube|cardiovascular > non-operative procedures > cardiac angiography > with stent placement|
pulmonary > medications > sedative > propofol|renal > dialysis > hemodialysis|general > support services > physical therapy consult`,
	} {
		for text := range strings.SplitSeq(strings.ReplaceAll(texts, "\n", ""), "|") {
			if kind, code := x.Procedure(nil, text); kind != want || code.Zero() {
				t.Errorf("%q: %v, want %v", text, kind, want)
			}
		}
	}
	path := "pulmonary|radiologic procedures / bronchoscopy|chest x-ray"
	kind, code := x.Procedure([]record.Code{{System: "https://eicu-crd.mit.edu/demo/treatmentstring", Value: path}}, strings.ReplaceAll(path, "|", " > "))
	if kind != record.Test || code.Key() != record.Text+"|pulmonary > radiologic procedures / bronchoscopy > chest x-ray" {
		t.Errorf("path: %v %v", kind, code)
	}
}

func TestObservation(t *testing.T) {
	x := load(t)
	loinc := []record.Code{{System: record.LOINC, Value: "2160-0"}}
	for _, c := range []struct {
		categories []string
		codes      []record.Code
		text       string
		kind       record.Kind
		value      string
	}{
		{[]string{"laboratory"}, loinc, "creatinine", record.Test, "2160-0"},
		{[]string{"vital-signs"}, []record.Code{{System: record.LOINC, Value: "8867-4"}}, "", record.Finding, "8867-4"},
		{[]string{"social-history"}, nil, "smoking", record.Finding, "smoking"},
		{nil, []record.Code{{System: record.LOINC, Value: "8867-4"}}, "", record.Finding, "8867-4"},
		{nil, loinc, "", record.Test, "2160-0"},
		{[]string{"laboratory"}, []record.Code{{System: "urn:lab", Value: "RDW"}}, "RDW", record.Test, "788-0"},
		{[]string{"imaging"}, nil, "chest film", record.Test, "chest film"},
	} {
		if kind, code := x.Observation(c.categories, c.codes, c.text); kind != c.kind || code.Value != c.value {
			t.Errorf("%v %v %q: %v %v", c.categories, c.codes, c.text, kind, code)
		}
	}
}

func TestAncestors(t *testing.T) {
	x := load(t)
	keys := func(c record.Code) string {
		var out []string
		for _, a := range x.Ancestors(c) {
			out = append(out, a.Value)
		}
		return strings.Join(out, ",")
	}
	for code, want := range map[record.Code]string{
		{System: record.ICD10CM, Value: "N18.6"}:                          "N18,N00-N99",
		{System: record.ICD10CM, Value: "I50"}:                            "I00-I99",
		{System: record.ICD10CM, Value: "D50"}:                            "D50-D89",
		{System: record.ICD10CM, Value: "D48"}:                            "C00-D49",
		{System: record.ICD10CM, Value: "W19"}:                            "V00-Y99",
		{System: record.ICD10CM, Value: "T14"}:                            "S00-T88",
		{System: record.ICD9CM, Value: "250.13"}:                          "250,240-279",
		{System: record.ICD9CM, Value: "V58.61"}:                          "V58,V01-V91",
		{System: record.ICD9CM, Value: "E950.4"}:                          "E950,E000-E999",
		{System: record.Text, Value: "renal > dialysis > hemodialysis"}:   "renal > dialysis,renal",
		{System: record.LOINC, Value: "2160-0"}:                           "",
		{System: record.RxNorm, Value: "29046"}:                           "ace-inhibitor",
		{System: record.Ingredient, Value: "acetaminophen / hydrocodone"}: "161,5489,analgesic-non-opioid,opioid,opioid-morphinan",
	} {
		if got := keys(code); got != want {
			t.Errorf("%v: %s, want %s", code, got, want)
		}
	}
}

func TestIn(t *testing.T) {
	x := load(t)
	for _, c := range []struct {
		set, system, value string
		want               bool
	}{
		{"pregnancy", record.SNOMED, "72892002", true},
		{"pregnancy", record.ICD10CM, "O80", true},
		{"pregnancy-end", record.ICD10CM, "O80", true},
		{"pregnancy-end", record.SNOMED, "66348005", true},
		{"pregnancy", record.ICD9CM, "V22.1", true},
		{"asthma", record.ICD10CM, "J45", true},
		{"asthma", record.ICD10CM, "J45.901", true},
		{"asthma", record.ICD9CM, "493.90", true},
		{"asthma", record.ICD10CM, "J44", false},
		{"asthma", record.Text, "pulmonary > disorders of the airways > asthma / bronchospasm", true},
		{"end-stage-renal-disease", record.ICD10CM, "N18.6", true},
		{"end-stage-renal-disease", record.ICD10CM, "N18", false},
		{"ckd", record.ICD10CM, "N18", true},
		{"angioedema", record.ICD10CM, "T78.3XXA", true},
		{"long-qt", record.ICD10CM, "I45.81", true},
		{"heart-failure", record.ICD9CM, "428.0", true},
		{"diabetes", record.SNOMED, "44054006", true},
		{"no such set", record.SNOMED, "44054006", false},
		{"diabetes", record.LOINC, "44054006", false},
	} {
		if got := x.In(c.set, record.Code{System: c.system, Value: c.value}); got != c.want {
			t.Errorf("%s has %s: %v, want %v", c.set, c.value, got, c.want)
		}
	}
}

func TestLoadSite(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("drugs.tsv", "name\trxnorm\tsynonyms\tclasses\tsource\nexampline\t\texa;exampl\tssri;house-class\tsite\n")
	write("brands.tsv", "brand\tingredients\tsource\nExamplex\texampline / aspirin\tsite\n")
	write("members.tsv", "class\tingredient\tsource\nssri\t-citalopram\tsite\nnsaid\texampline\tsite\n")
	write("local-codes.tsv", "system\tvalue\ttarget\tsource\nurn:local\t42\taspirin / clopidogrel\tsite\ntext\tstroke kit\talteplase\tsite\nurn:lab\tX1\thttp://loinc.org|2160-0\tsite\nurn:local\t43\t"+record.RxNorm+"|29046\tsite\n")
	write("hierarchy.tsv", "system\tvalue\tparent_system\tparent_value\tdisplay\nurn:local\tchild\turn:local\tparent\tParent\nurn:local\tparent\t"+record.SNOMED+"\t195967001\tAsthma\n")
	write("displays.tsv", "system\tvalue\tdisplay\nurn:local\tchild\tThe child\n")
	write("value-sets.tsv", "set\tsystem\tpattern\tdisplay\tsource\ndiabetes\ticd10\tE11*\t\tsite\nhouse\turn:local\tx\t\tsite\n")
	write("icd9-icd10.tsv", "icd9\ticd10\n250.00\tE11.9\n")
	x, err := terms.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if x.Version() == load(t).Version() {
		t.Error("the site's files do not change the version")
	}
	check := func(what string, ok bool) {
		if !ok {
			t.Error(what)
		}
	}
	d := x.Drug(nil, "EXA 10 MG PO TABS")
	check("synonym", d.Mapped && d.Is("ssri") && d.Is("house-class") && d.Is("nsaid") && d.How == "name")
	check("brand", x.Drug(nil, "EXAMPLEX TAB").Concept.Value == "aspirin / exampline")
	check("removed member", !x.Drug(nil, "citalopram").Is("ssri"))
	d = x.Drug([]record.Code{{System: "urn:local", Value: "42"}}, "")
	check("local code", d.Mapped && d.How == "local-code" && d.Concept.Value == "aspirin / clopidogrel")
	check("local code to code", x.Drug([]record.Code{{System: "urn:local", Value: "43"}}, "").Concept.Value == "29046")
	check("local text", x.Drug(nil, "Stroke  KIT").How == "local")
	check("unmapped local code", !x.Drug([]record.Code{{System: "urn:local", Value: "44"}}, "").Mapped)
	_, c := x.Observation([]string{"laboratory"}, []record.Code{{System: "urn:lab", Value: "X1"}}, "house creatinine")
	check("local laboratory code", c.Value == "2160-0" && c.System == record.LOINC)
	check("hierarchy", x.In("asthma", record.Code{System: "urn:local", Value: "child"}))
	check("display", x.Display(record.Code{System: "urn:local", Value: "child"}) == "The child")
	check("replaced set", !x.In("diabetes", record.Code{System: record.ICD10CM, Value: "E10.1"}) && x.In("diabetes", record.Code{System: record.ICD10CM, Value: "E11.9"}))
	check("own set", x.In("house", record.Code{System: "urn:local", Value: "x"}))
	_, c = x.Condition([]record.Code{{System: record.ICD9CM, Value: "250.00"}}, "")
	check("ICD-9 to ICD-10", c.System == record.ICD10CM && c.Value == "E11")
}

func TestLoadBadFiles(t *testing.T) {
	for name, bad := range map[string]string{
		"drugs.tsv":       "name\trxnorm\tsynonyms\tclasses\tsource\nx\tabc\t\t\tsite\n",
		"brands.tsv":      "brand\tingredients\tsource\nx\tno such drug\tsite\n",
		"members.tsv":     "class\tingredient\tsource\nssri\tno such drug\tsite\n",
		"local-codes.tsv": "system\tvalue\ttarget\tsource\n\t\taspirin\tsite\n",
		"hierarchy.tsv":   "system\tvalue\tparent_system\tparent_value\tdisplay\na\tb\t\t\t\n",
		"displays.tsv":    "system\tvalue\tdisplay\nonly one\n",
		"value-sets.tsv":  "set\tsystem\tpattern\tdisplay\tsource\nx\tnonsense\ty\t\tsite\n",
		"icd9-icd10.tsv":  "icd9\ticd10\n1\t2\n",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := terms.Load(dir)
		if err == nil || !strings.Contains(err.Error(), name+":2") {
			t.Errorf("%s: error %v does not name file and line", name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte("wrong\theader\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := terms.Load(dir); err == nil || !strings.Contains(err.Error(), name+":1") {
			t.Errorf("%s: error %v does not name the header", name, err)
		}
	}
}

// TestSubsumes within one system: categories, products and their ingredients; nothing is
// known of other systems.
func TestSubsumes(t *testing.T) {
	all, err := terms.Default()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		system, general, specific, display string
		is, known                          bool
	}{
		{record.ICD10CM, "E11", "E11.65", "", true, true}, {record.ICD10CM, "E11.65", "E11", "", false, true}, {record.ICD10CM, "E11", "e11", "", true, true},
		{record.ICD10CM, "I", "I50.9", "", false, true}, {record.ICD10CM, "", "", "", false, true}, {record.ICD9CM, "250", "250.00", "", true, true},
		{record.RxNorm, "723", "723", "", true, true},
		{record.RxNorm, "6809", "861007", "metformin hydrochloride 500 MG Oral Tablet", true, true}, {record.RxNorm, "6809", "861007", "", false, true},
		{record.RxNorm, "723", "861007", "metformin hydrochloride 500 MG Oral Tablet", false, true},
		{record.RxNorm, "723", "617993", "amoxicillin 120 MG/ML / clavulanate potassium 8.58 MG/ML Oral Suspension", true, true},
		{record.SNOMED, "1", "1", "", false, false}, {"", "1", "1", "", false, false},
	} {
		if is, known := all.Subsumes(c.system, c.general, c.specific, c.display); is != c.is || known != c.known {
			t.Errorf("%+v: %v %v", c, is, known)
		}
	}
	if in, known := all.Member("diabetes", record.ICD10CM, "E11.9"); !in || !known {
		t.Error("E11.9 is no diabetes")
	}
	if _, known := all.Member("nothing", record.ICD10CM, "E11.9"); known {
		t.Error("nothing is a value set")
	}
}
