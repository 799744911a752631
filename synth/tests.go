package synth

// analyte is a measured quantity, an index into analytes.
type analyte int

const (
	noAnalyte analyte = iota
	systolic
	diastolic
	heartRate
	breathing
	temperature
	saturation
	weight
	height
	bodyMass
	pain
	a1c
	glucose
	creatinine
	egfr
	urea
	sodium
	potassium
	chloride
	bicarbonate
	calcium
	cholesterol
	hdl
	ldl
	triglycerides
	hemoglobin
	hematocrit
	leukocytes
	platelets
	mcv
	ferritin
	tsh
	alt
	ast
	albumin
	urate
	crp
	bnp
	troponin
	inr
	phq9
	gad7
	spirometry
	uacr
	psa
	boneDensity
	lithiumLevel
	lactate
	procalcitonin
	ejection
	hiv
	strepAntigen
	fluAntigen
	covidPCR
	urineNitrite
	urineCulture
	bloodCulture
	pregnancyTest
	fecalBlood
	analyteCount
)

// quantity is an analyte's code, words, UCUM unit, decimals and reference
// range; coded ones answer positive or negative. local is the code of sites
// that have their own laboratory codes.
type quantity struct {
	loinc, display, unit string
	places               int
	low, high            float64
	coded                bool
	local                string
}

// analytes is a read-only table: LOINC codes with UCUM units, usual adult
// reference ranges.
var analytes = [analyteCount]quantity{
	systolic:      {"8480-6", "Systolic blood pressure", "mm[Hg]", 0, 90, 130, false, ""},
	diastolic:     {"8462-4", "Diastolic blood pressure", "mm[Hg]", 0, 60, 80, false, ""},
	heartRate:     {"8867-4", "Heart rate", "/min", 0, 60, 100, false, ""},
	breathing:     {"9279-1", "Respiratory rate", "/min", 0, 12, 20, false, ""},
	temperature:   {"8310-5", "Body temperature", "Cel", 1, 36, 37.8, false, ""},
	saturation:    {"59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry", "%", 0, 94, 100, false, ""},
	weight:        {"29463-7", "Body weight", "kg", 1, 0, 0, false, ""},
	height:        {"8302-2", "Body height", "cm", 0, 0, 0, false, ""},
	bodyMass:      {"39156-5", "Body mass index (BMI) [Ratio]", "kg/m2", 1, 18.5, 25, false, ""},
	pain:          {"72514-3", "Pain severity - 0-10 verbal numeric rating [Score] - Reported", "{score}", 0, 0, 3, false, ""},
	a1c:           {"4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "%", 1, 4, 5.6, false, "HBA1C"},
	glucose:       {"2345-7", "Glucose [Mass/volume] in Serum or Plasma", "mg/dL", 0, 70, 99, false, "GLU"},
	creatinine:    {"2160-0", "Creatinine [Mass/volume] in Serum or Plasma", "mg/dL", 2, 0.6, 1.2, false, "CREA"},
	egfr:          {"98979-8", "Glomerular filtration rate/1.73 sq M.predicted [Volume Rate/Area] in Serum, Plasma or Blood by Creatinine-based formula (CKD-EPI 2021)", "mL/min/{1.73_m2}", 0, 60, 120, false, ""},
	urea:          {"3094-0", "Urea nitrogen [Mass/volume] in Serum or Plasma", "mg/dL", 0, 7, 20, false, "BUN"},
	sodium:        {"2951-2", "Sodium [Moles/volume] in Serum or Plasma", "mmol/L", 0, 135, 145, false, "NA"},
	potassium:     {"2823-3", "Potassium [Moles/volume] in Serum or Plasma", "mmol/L", 1, 3.5, 5.1, false, "K"},
	chloride:      {"2075-0", "Chloride [Moles/volume] in Serum or Plasma", "mmol/L", 0, 98, 107, false, "CL"},
	bicarbonate:   {"2028-9", "Carbon dioxide, total [Moles/volume] in Serum or Plasma", "mmol/L", 0, 22, 29, false, "CO2"},
	calcium:       {"17861-6", "Calcium [Mass/volume] in Serum or Plasma", "mg/dL", 1, 8.5, 10.5, false, "CA"},
	cholesterol:   {"2093-3", "Cholesterol [Mass/volume] in Serum or Plasma", "mg/dL", 0, 0, 200, false, "CHOL"},
	hdl:           {"2085-9", "Cholesterol in HDL [Mass/volume] in Serum or Plasma", "mg/dL", 0, 40, 90, false, "HDL"},
	ldl:           {"13457-7", "Cholesterol in LDL [Mass/volume] in Serum or Plasma by calculation", "mg/dL", 0, 0, 130, false, "LDL"},
	triglycerides: {"2571-8", "Triglyceride [Mass/volume] in Serum or Plasma", "mg/dL", 0, 0, 150, false, "TRIG"},
	hemoglobin:    {"718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL", 1, 12, 17, false, "HGB"},
	hematocrit:    {"4544-3", "Hematocrit [Volume Fraction] of Blood by Automated count", "%", 1, 36, 50, false, "HCT"},
	leukocytes:    {"6690-2", "Leukocytes [#/volume] in Blood by Automated count", "10*3/uL", 1, 4, 11, false, "WBC"},
	platelets:     {"777-3", "Platelets [#/volume] in Blood by Automated count", "10*3/uL", 0, 150, 400, false, "PLT"},
	mcv:           {"787-2", "MCV [Entitic volume] by Automated count", "fL", 0, 80, 100, false, "MCV"},
	ferritin:      {"2276-4", "Ferritin [Mass/volume] in Serum or Plasma", "ng/mL", 0, 15, 300, false, "FERR"},
	tsh:           {"3016-3", "Thyrotropin [Units/volume] in Serum or Plasma", "m[IU]/L", 2, 0.4, 4.5, false, "TSH"},
	alt:           {"1742-6", "Alanine aminotransferase [Enzymatic activity/volume] in Serum or Plasma", "U/L", 0, 7, 50, false, "ALT"},
	ast:           {"1920-8", "Aspartate aminotransferase [Enzymatic activity/volume] in Serum or Plasma", "U/L", 0, 8, 45, false, "AST"},
	albumin:       {"1751-7", "Albumin [Mass/volume] in Serum or Plasma", "g/dL", 1, 3.5, 5, false, "ALB"},
	urate:         {"3084-1", "Urate [Mass/volume] in Serum or Plasma", "mg/dL", 1, 2.5, 7, false, "URIC"},
	crp:           {"1988-5", "C reactive protein [Mass/volume] in Serum or Plasma", "mg/L", 0, 0, 8, false, "CRP"},
	bnp:           {"33762-6", "Natriuretic peptide.B prohormone N-Terminal [Mass/volume] in Serum or Plasma", "pg/mL", 0, 0, 300, false, "NTPROBNP"},
	troponin:      {"89579-7", "Troponin I.cardiac [Mass/volume] in Serum or Plasma by High sensitivity method", "ng/L", 0, 0, 20, false, "TROPHS"},
	inr:           {"6301-6", "INR in Platelet poor plasma by Coagulation assay", "{INR}", 1, 0.9, 1.2, false, "INR"},
	phq9:          {"44261-6", "Patient Health Questionnaire 9 item (PHQ-9) total score [Reported]", "{score}", 0, 0, 4, false, ""},
	gad7:          {"70274-6", "Generalized anxiety disorder 7 item (GAD-7) total score [Reported.PHQ]", "{score}", 0, 0, 4, false, ""},
	spirometry:    {"19926-5", "FEV1/FVC", "%", 0, 70, 100, false, ""},
	uacr:          {"14959-1", "Microalbumin/Creatinine [Mass Ratio] in Urine", "mg/g", 0, 0, 30, false, "UACR"},
	psa:           {"2857-1", "Prostate specific Ag [Mass/volume] in Serum or Plasma", "ng/mL", 1, 0, 4, false, "PSA"},
	boneDensity:   {"38265-5", "DXA Radius and Ulna [T-score] Bone density", "{T-score}", 1, -1, 4, false, ""},
	lithiumLevel:  {"14334-7", "Lithium [Moles/volume] in Serum or Plasma", "mmol/L", 1, 0.6, 1.2, false, "LI"},
	lactate:       {"32693-4", "Lactate [Moles/volume] in Blood", "mmol/L", 1, 0.5, 2, false, "LACT"},
	procalcitonin: {"33959-8", "Procalcitonin [Mass/volume] in Serum or Plasma", "ng/mL", 2, 0, 0.1, false, "PCT"},
	ejection:      {"10230-1", "Left ventricular Ejection fraction", "%", 0, 50, 75, false, ""},
	hiv:           {"56888-1", "HIV 1+2 Ab+HIV1 p24 Ag [Presence] in Serum or Plasma by Immunoassay", "", 0, 0, 0, true, "HIV"},
	strepAntigen:  {"78012-2", "Streptococcus pyogenes Ag [Presence] in Throat by Rapid immunoassay", "", 0, 0, 0, true, "STREP"},
	fluAntigen:    {"80382-5", "Influenza virus A Ag [Presence] in Upper respiratory specimen by Rapid immunoassay", "", 0, 0, 0, true, "FLUA"},
	covidPCR:      {"94500-6", "SARS-CoV-2 (COVID-19) RNA [Presence] in Respiratory system specimen by NAA with probe detection", "", 0, 0, 0, true, "COVPCR"},
	urineNitrite:  {"5802-4", "Nitrite [Presence] in Urine by Test strip", "", 0, 0, 0, true, "UNIT"},
	urineCulture:  {"630-4", "Bacteria identified in Urine by Culture", "", 0, 0, 0, true, "UCULT"},
	bloodCulture:  {"600-7", "Bacteria identified in Blood by Culture", "", 0, 0, 0, true, "BCULT"},
	pregnancyTest: {"2106-3", "Choriogonadotropin (pregnancy test) [Presence] in Urine", "", 0, 0, 0, true, "UHCG"},
	fecalBlood:    {"57905-2", "Hemoglobin.gastrointestinal.lower [Presence] in Stool by Immunoassay --1st specimen", "", 0, 0, 0, true, "FIT"},
}

// test is something a clinician orders to learn more, an index into tests.
type test int

const (
	metabolicPanel test = iota
	comprehensivePanel
	bloodCount
	lipidPanel
	a1cTest
	tshTest
	ferritinTest
	albuminRatio
	urateTest
	crpTest
	bnpTest
	troponinTest
	inrTest
	psaTest
	lithiumTest
	lactateTest
	procalcitoninTest
	hivTest
	strepTest
	fluTest
	covidTest
	urinalysis
	urineCultureTest
	bloodCultureTest
	hcgTest
	fitTest
	glucoseTest
	chestXray
	limbXray
	ctHead
	ctAbdomen
	ctChestAngio
	ultrasoundAbdomen
	ultrasoundObstetric
	mammogram
	dxa
	lowDoseCT
	echocardiogram
	electrocardiogram
	spirometryTest
	colonoscopy
	cervicalSmear
	eyeExam
	sleepStudy
	endoscopy
	lastTest
)

// testKind is how a test appears in the record.
type testKind int

const (
	labTest testKind = iota
	imagingTest
	procedureTest
)

// examination is a test's order code, what it measures, and for imaging its
// modality. interval is the least sensible time between two, in days.
type examination struct {
	kind     testKind
	words    string
	code     coding // LOINC panel or SNOMED procedure
	analytes []analyte
	modality string
	interval float64
}

// tests is a read-only table.
var tests = [lastTest]examination{
	metabolicPanel:      {labTest, "basic metabolic panel", coding{sysLOINC, "24321-2", "Basic metabolic 2000 panel - Serum or Plasma"}, []analyte{glucose, urea, creatinine, egfr, sodium, potassium, chloride, bicarbonate, calcium}, "", 80},
	comprehensivePanel:  {labTest, "comprehensive metabolic panel", coding{sysLOINC, "24323-8", "Comprehensive metabolic 2000 panel - Serum or Plasma"}, []analyte{glucose, urea, creatinine, egfr, sodium, potassium, chloride, bicarbonate, calcium, albumin, alt, ast}, "", 150},
	bloodCount:          {labTest, "complete blood count", coding{sysLOINC, "58410-2", "CBC panel - Blood by Automated count"}, []analyte{leukocytes, hemoglobin, hematocrit, mcv, platelets}, "", 120},
	lipidPanel:          {labTest, "lipid panel", coding{sysLOINC, "24331-1", "Lipid 1996 panel - Serum or Plasma"}, []analyte{cholesterol, triglycerides, hdl, ldl}, "", 300},
	a1cTest:             {labTest, "hemoglobin A1c", coding{sysLOINC, "4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood"}, []analyte{a1c}, "", 85},
	tshTest:             {labTest, "TSH", coding{sysLOINC, "3016-3", "Thyrotropin [Units/volume] in Serum or Plasma"}, []analyte{tsh}, "", 250},
	ferritinTest:        {labTest, "ferritin", coding{sysLOINC, "2276-4", "Ferritin [Mass/volume] in Serum or Plasma"}, []analyte{ferritin}, "", 90},
	albuminRatio:        {labTest, "urine albumin to creatinine ratio", coding{sysLOINC, "14959-1", "Microalbumin/Creatinine [Mass Ratio] in Urine"}, []analyte{uacr}, "", 330},
	urateTest:           {labTest, "uric acid", coding{sysLOINC, "3084-1", "Urate [Mass/volume] in Serum or Plasma"}, []analyte{urate}, "", 120},
	crpTest:             {labTest, "C-reactive protein", coding{sysLOINC, "1988-5", "C reactive protein [Mass/volume] in Serum or Plasma"}, []analyte{crp}, "", 60},
	bnpTest:             {labTest, "NT-proBNP", coding{sysLOINC, "33762-6", "Natriuretic peptide.B prohormone N-Terminal [Mass/volume] in Serum or Plasma"}, []analyte{bnp}, "", 90},
	troponinTest:        {labTest, "troponin", coding{sysLOINC, "89579-7", "Troponin I.cardiac [Mass/volume] in Serum or Plasma by High sensitivity method"}, []analyte{troponin}, "", 1},
	inrTest:             {labTest, "INR", coding{sysLOINC, "6301-6", "INR in Platelet poor plasma by Coagulation assay"}, []analyte{inr}, "", 30},
	psaTest:             {labTest, "PSA", coding{sysLOINC, "2857-1", "Prostate specific Ag [Mass/volume] in Serum or Plasma"}, []analyte{psa}, "", 650},
	lithiumTest:         {labTest, "lithium level", coding{sysLOINC, "14334-7", "Lithium [Moles/volume] in Serum or Plasma"}, []analyte{lithiumLevel}, "", 120},
	lactateTest:         {labTest, "lactate", coding{sysLOINC, "32693-4", "Lactate [Moles/volume] in Blood"}, []analyte{lactate}, "", 1},
	procalcitoninTest:   {labTest, "procalcitonin", coding{sysLOINC, "33959-8", "Procalcitonin [Mass/volume] in Serum or Plasma"}, []analyte{procalcitonin}, "", 2},
	hivTest:             {labTest, "HIV screen", coding{sysLOINC, "56888-1", "HIV 1+2 Ab+HIV1 p24 Ag [Presence] in Serum or Plasma by Immunoassay"}, []analyte{hiv}, "", 3650},
	strepTest:           {labTest, "rapid strep test", coding{sysLOINC, "78012-2", "Streptococcus pyogenes Ag [Presence] in Throat by Rapid immunoassay"}, []analyte{strepAntigen}, "", 3},
	fluTest:             {labTest, "rapid flu test", coding{sysLOINC, "80382-5", "Influenza virus A Ag [Presence] in Upper respiratory specimen by Rapid immunoassay"}, []analyte{fluAntigen}, "", 3},
	covidTest:           {labTest, "COVID-19 PCR", coding{sysLOINC, "94500-6", "SARS-CoV-2 (COVID-19) RNA [Presence] in Respiratory system specimen by NAA with probe detection"}, []analyte{covidPCR}, "", 3},
	urinalysis:          {labTest, "urine dipstick", coding{sysLOINC, "5802-4", "Nitrite [Presence] in Urine by Test strip"}, []analyte{urineNitrite}, "", 3},
	urineCultureTest:    {labTest, "urine culture", coding{sysLOINC, "630-4", "Bacteria identified in Urine by Culture"}, []analyte{urineCulture}, "", 3},
	bloodCultureTest:    {labTest, "blood cultures", coding{sysLOINC, "600-7", "Bacteria identified in Blood by Culture"}, []analyte{bloodCulture}, "", 2},
	hcgTest:             {labTest, "urine pregnancy test", coding{sysLOINC, "2106-3", "Choriogonadotropin (pregnancy test) [Presence] in Urine"}, []analyte{pregnancyTest}, "", 20},
	fitTest:             {labTest, "stool test for blood", coding{sysLOINC, "57905-2", "Hemoglobin.gastrointestinal.lower [Presence] in Stool by Immunoassay --1st specimen"}, []analyte{fecalBlood}, "", 350},
	glucoseTest:         {labTest, "glucose", coding{sysLOINC, "2345-7", "Glucose [Mass/volume] in Serum or Plasma"}, []analyte{glucose}, "", 1},
	chestXray:           {imagingTest, "chest x-ray", coding{sysSNOMED, "399208008", "Plain chest X-ray (procedure)"}, nil, "DX", 30},
	limbXray:            {imagingTest, "x-ray of the limb", coding{}, nil, "DX", 7},
	ctHead:              {imagingTest, "CT of the head", coding{sysSNOMED, "303653007", "Computed tomography of head (procedure)"}, nil, "CT", 3},
	ctAbdomen:           {imagingTest, "CT of the abdomen", coding{sysSNOMED, "169070004", "Computed tomography of abdomen (procedure)"}, nil, "CT", 7},
	ctChestAngio:        {imagingTest, "CT angiogram of the chest", coding{}, nil, "CT", 7},
	ultrasoundAbdomen:   {imagingTest, "ultrasound of the abdomen", coding{sysSNOMED, "45036003", "Ultrasonography of abdomen (procedure)"}, nil, "US", 7},
	ultrasoundObstetric: {imagingTest, "obstetric ultrasound", coding{sysSNOMED, "268445003", "Ultrasound scan - obstetric (procedure)"}, nil, "US", 25},
	mammogram:           {imagingTest, "mammogram", coding{sysSNOMED, "71651007", "Mammography (procedure)"}, nil, "MG", 700},
	dxa:                 {imagingTest, "bone density scan", coding{sysSNOMED, "312681000", "Bone density scan (procedure)"}, []analyte{boneDensity}, "DX", 700},
	lowDoseCT:           {imagingTest, "low-dose CT of the chest", coding{}, nil, "CT", 350},
	echocardiogram:      {imagingTest, "echocardiogram", coding{sysSNOMED, "40701008", "Echocardiography (procedure)"}, []analyte{ejection}, "US", 400},
	electrocardiogram:   {procedureTest, "electrocardiogram", coding{sysSNOMED, "29303009", "Electrocardiographic procedure (procedure)"}, nil, "", 200},
	spirometryTest:      {procedureTest, "spirometry", coding{sysSNOMED, "127783003", "Spirometry (procedure)"}, []analyte{spirometry}, "", 330},
	colonoscopy:         {procedureTest, "colonoscopy", coding{sysSNOMED, "73761001", "Colonoscopy (procedure)"}, nil, "", 3500},
	cervicalSmear:       {procedureTest, "cervical smear", coding{sysSNOMED, "90226004", "Cytopathology procedure, preparation of smear, genital source (procedure)"}, nil, "", 1050},
	eyeExam:             {procedureTest, "dilated eye exam", coding{}, nil, "", 350},
	sleepStudy:          {procedureTest, "sleep study", coding{sysSNOMED, "60554003", "Polysomnography (procedure)"}, nil, "", 2000},
	endoscopy:           {procedureTest, "upper endoscopy", coding{}, nil, "", 300},
}

// therapy is a therapeutic procedure, an index into therapies.
type therapy int

const (
	physicalTherapy therapy = iota
	cognitiveTherapy
	cpap
	jointInjection
	suture
	immobilization
	coronaryStent
	hipRepair
	appendectomy
	gallbladderRemoval
	mastectomy
	radiation
	oxygen
	thrombolysis
	transfusion
	childbirth
	cesarean
	pulmonaryRehab
	cardiacRehab
	counseling
	speechTherapy
	therapyCount
)

// therapies is a read-only table; SNOMED CT codes where certain.
var therapies = [therapyCount]struct {
	words string
	code  coding
}{
	physicalTherapy:    {"physical therapy", coding{sysSNOMED, "91251008", "Physical therapy procedure (regime/therapy)"}},
	cognitiveTherapy:   {"cognitive behavioral therapy", coding{sysSNOMED, "228557008", "Cognitive and behavioral therapy (regime/therapy)"}},
	cpap:               {"CPAP", coding{sysSNOMED, "47545007", "Continuous positive airway pressure ventilation treatment (regime/therapy)"}},
	jointInjection:     {"joint injection", coding{}},
	suture:             {"wound closure with sutures", coding{sysSNOMED, "288086009", "Suture open wound (procedure)"}},
	immobilization:     {"splint", coding{sysSNOMED, "274474001", "Bone immobilization (procedure)"}},
	coronaryStent:      {"coronary stent", coding{sysSNOMED, "415070008", "Percutaneous coronary intervention (procedure)"}},
	hipRepair:          {"hip fracture repair", coding{}},
	appendectomy:       {"appendectomy", coding{sysSNOMED, "80146002", "Excision of appendix (procedure)"}},
	gallbladderRemoval: {"gallbladder removal", coding{sysSNOMED, "38102005", "Cholecystectomy (procedure)"}},
	mastectomy:         {"breast surgery", coding{sysSNOMED, "392021009", "Lumpectomy of breast (procedure)"}},
	radiation:          {"radiation therapy", coding{sysSNOMED, "33195004", "External beam radiation therapy procedure (procedure)"}},
	oxygen:             {"oxygen", coding{sysSNOMED, "371908008", "Oxygen administration by mask (procedure)"}},
	thrombolysis:       {"intravenous thrombolysis", coding{}},
	transfusion:        {"red cell transfusion", coding{sysSNOMED, "116863004", "Transfusion of red blood cells (procedure)"}},
	childbirth:         {"vaginal delivery", coding{sysSNOMED, "66348005", "Childbirth (finding)"}},
	cesarean:           {"cesarean section", coding{sysSNOMED, "11466000", "Cesarean section (procedure)"}},
	pulmonaryRehab:     {"pulmonary rehabilitation", coding{sysSNOMED, "15081005", "Pulmonary rehabilitation (regime/therapy)"}},
	cardiacRehab:       {"cardiac rehabilitation", coding{}},
	counseling:         {"lifestyle counseling", coding{}},
	speechTherapy:      {"speech therapy", coding{sysSNOMED, "311555007", "Speech and language therapy regime (regime/therapy)"}},
}
