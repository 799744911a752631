package synth

// condition is an index into conditions.
type condition int

// The chronic conditions come first, in an order in which no condition raises
// the risk of an earlier one within the same year; then acute ones; then
// adverse effects and findings that become a problem of their own.
const (
	obesity condition = iota
	smoking
	alcohol
	hypertension
	diabetes2
	diabetes1
	hyperlipidemia
	sleepApnea
	kidney
	coronary
	fibrillation
	heartFailure
	asthma
	copd
	rhinitis
	eczema
	depression
	anxiety
	insomnia
	bipolar
	attention
	hypothyroidism
	osteoarthritis
	osteoporosis
	reflux
	gout
	migraine
	epilepsy
	prostateHyperplasia
	rheumatoid
	ironAnemia
	backPain
	breastCancer
	prostateCancer
	dementia
	neuropathy
	ulcer
	lastChronic // not a condition: the end of the chronic ones
)

const (
	coldURI condition = lastChronic + iota
	bronchitis
	strep
	otitis
	sinusitis
	cystitis
	pneumonia
	influenza
	cellulitis
	covid
	gastroenteritis
	ankleSprain
	wristFracture
	laceration
	concussion
	kidneyStone
	zoster
	infarction
	stroke
	copdFlare
	asthmaFlare
	heartFlare
	sepsis
	embolism
	hipFracture
	appendicitis
	cholecystitis
	bleeding
	ketoacidosis
	goutFlare
	pregnancy
	gestationalDiabetes
	preeclampsia
	delivery
	coughEffect
	myalgiaEffect
	edemaEffect
	diarrheaEffect
	angioedemaEffect
	hyperkalemia
	prediabetes
	conditionCount
)

// factor multiplies the risk of a condition in people who have another.
type factor struct {
	of    condition
	times float64
}

// disorder is what is known of a condition: codes (ICD-10-CM 2024 of CMS and
// NCHS; SNOMED CT only where the code is certain), words, and for chronic ones
// the onset per 1,000 person-years in the decades of life 0–9 … 80+.
type disorder struct {
	words        string
	icd, icdName string
	snomed       string
	onset        [9]float64
	women, men   float64 // relative risk by sex; zero means 1, negative never
	bmi          float64 // relative risk per 5 kg/m² above 25; zero means 1
	smoker       float64 // relative risk of smokers; zero means 1
	raisedBy     []factor
	lasts        float64 // years until it passes, on average; 0 = for life
	course       string  // key of the course in testdata/README.md
}

// conditions is a read-only table.
var conditions = [conditionCount]disorder{
	obesity:             {words: "obesity", icd: "E66.9", icdName: "Obesity, unspecified", snomed: "414916001", course: "obesity"},
	smoking:             {words: "tobacco use", icd: "F17.210", icdName: "Nicotine dependence, cigarettes, uncomplicated", course: "tobacco"},
	alcohol:             {words: "alcohol use disorder", lasts: 15, icd: "F10.20", icdName: "Alcohol dependence, uncomplicated", onset: [9]float64{0, 1, 4, 3, 2, 2, 1, 0.5, 0}, women: 0.6, men: 1.4, course: "alcohol"},
	hypertension:        {words: "hypertension", icd: "I10", icdName: "Essential (primary) hypertension", snomed: "59621000", onset: [9]float64{0, 0.3, 4, 11, 22, 33, 42, 48, 48}, bmi: 1.35, course: "hypertension"},
	diabetes2:           {words: "type 2 diabetes", icd: "E11.9", icdName: "Type 2 diabetes mellitus without complications", snomed: "44054006", onset: [9]float64{0, 0.1, 0.5, 1.4, 2.8, 4.3, 4.7, 4, 3}, bmi: 1.9, raisedBy: []factor{{hypertension, 1.6}, {hyperlipidemia, 1.4}}, course: "diabetes"},
	diabetes1:           {words: "type 1 diabetes", icd: "E10.9", icdName: "Type 1 diabetes mellitus without complications", snomed: "46635009", onset: [9]float64{0.2, 0.25, 0.1, 0.05, 0.02, 0, 0, 0, 0}, course: "diabetes"},
	hyperlipidemia:      {words: "high cholesterol", icd: "E78.5", icdName: "Hyperlipidemia, unspecified", snomed: "55822004", onset: [9]float64{0, 0.5, 5, 12, 20, 26, 26, 20, 12}, bmi: 1.15, course: "lipids"},
	sleepApnea:          {words: "obstructive sleep apnea", icd: "G47.33", icdName: "Obstructive sleep apnea (adult) (pediatric)", snomed: "78275009", onset: [9]float64{0.2, 0.2, 1, 2.5, 4, 5, 4, 3, 1}, men: 1.6, women: 0.7, bmi: 1.9, course: "sleep apnea"},
	kidney:              {words: "chronic kidney disease", icd: "N18.30", icdName: "Chronic kidney disease, stage 3 unspecified", snomed: "433144002", onset: [9]float64{0, 0.1, 0.25, 0.6, 1.5, 2.8, 5.5, 11, 16}, raisedBy: []factor{{hypertension, 1.7}, {diabetes2, 2.2}, {diabetes1, 4}}, course: "kidney"},
	coronary:            {words: "coronary artery disease", icd: "I25.10", icdName: "Atherosclerotic heart disease of native coronary artery without angina pectoris", onset: [9]float64{0, 0, 0.05, 0.3, 1.1, 2.7, 4.8, 7, 8}, women: 0.6, men: 1.4, smoker: 1.9, raisedBy: []factor{{hypertension, 1.5}, {diabetes2, 1.8}, {hyperlipidemia, 1.6}, {kidney, 1.5}}, course: "coronary"},
	fibrillation:        {words: "atrial fibrillation", icd: "I48.91", icdName: "Unspecified atrial fibrillation", snomed: "49436004", onset: [9]float64{0, 0, 0.1, 0.25, 0.6, 1.5, 4, 9, 15}, men: 1.2, women: 0.85, bmi: 1.2, raisedBy: []factor{{hypertension, 1.4}, {coronary, 1.6}, {sleepApnea, 1.5}}, course: "fibrillation"},
	heartFailure:        {words: "heart failure", icd: "I50.9", icdName: "Heart failure, unspecified", snomed: "84114007", onset: [9]float64{0, 0, 0.05, 0.15, 0.35, 0.8, 1.6, 3.6, 7}, bmi: 1.2, raisedBy: []factor{{hypertension, 1.4}, {coronary, 2.4}, {fibrillation, 2}, {diabetes2, 1.5}, {kidney, 1.5}}, course: "heart failure"},
	asthma:              {words: "asthma", lasts: 25, icd: "J45.909", icdName: "Unspecified asthma, uncomplicated", snomed: "195967001", onset: [9]float64{8, 3, 1.5, 1.2, 1.2, 1, 0.8, 0.6, 0.4}, bmi: 1.2, course: "asthma"},
	copd:                {words: "COPD", icd: "J44.9", icdName: "Chronic obstructive pulmonary disease, unspecified", snomed: "13645005", onset: [9]float64{0, 0, 0, 0.25, 1, 2.3, 3.8, 4.6, 4.6}, smoker: 6, raisedBy: []factor{{asthma, 1.8}}, course: "copd"},
	rhinitis:            {words: "allergic rhinitis", lasts: 25, icd: "J30.9", icdName: "Allergic rhinitis, unspecified", snomed: "61582004", onset: [9]float64{9, 9, 6, 4, 2, 2, 1, 1, 0.5}, raisedBy: []factor{{asthma, 2.5}}, course: "rhinitis"},
	eczema:              {words: "eczema", lasts: 8, icd: "L20.9", icdName: "Atopic dermatitis, unspecified", snomed: "24079001", onset: [9]float64{11, 3, 1, 1, 0.7, 0.7, 0.7, 0.7, 0.7}, raisedBy: []factor{{asthma, 1.8}}, course: "eczema"},
	depression:          {words: "depression", lasts: 5, icd: "F32.9", icdName: "Major depressive disorder, single episode, unspecified", snomed: "370143000", onset: [9]float64{0.1, 6, 7, 6, 6, 5, 4, 4, 4}, women: 1.35, men: 0.7, raisedBy: []factor{{diabetes2, 1.4}, {coronary, 1.5}, {alcohol, 2}}, course: "depression"},
	anxiety:             {words: "anxiety", lasts: 7, icd: "F41.1", icdName: "Generalized anxiety disorder", snomed: "21897009", onset: [9]float64{0.3, 5, 6, 5, 4, 3, 2, 2, 1}, women: 1.4, men: 0.7, raisedBy: []factor{{depression, 3}, {asthma, 1.3}}, course: "anxiety"},
	insomnia:            {words: "insomnia", lasts: 5, icd: "G47.00", icdName: "Insomnia, unspecified", snomed: "193462001", onset: [9]float64{0, 1, 2, 3, 4, 5, 6, 6, 6}, women: 1.3, men: 0.8, raisedBy: []factor{{depression, 2}, {anxiety, 2}}, course: "insomnia"},
	bipolar:             {words: "bipolar disorder", icd: "F31.9", icdName: "Bipolar disorder, unspecified", snomed: "13746004", onset: [9]float64{0, 0.6, 1, 0.5, 0.2, 0.1, 0, 0, 0}, course: "bipolar"},
	attention:           {words: "ADHD", lasts: 12, icd: "F90.9", icdName: "Attention-deficit hyperactivity disorder, unspecified type", onset: [9]float64{6, 4, 0.8, 0.4, 0.2, 0, 0, 0, 0}, women: 0.6, men: 1.4, course: "attention"},
	hypothyroidism:      {words: "hypothyroidism", icd: "E03.9", icdName: "Hypothyroidism, unspecified", snomed: "40930008", onset: [9]float64{0.1, 0.4, 1, 1.8, 2.5, 3, 3.5, 4, 4}, women: 1.7, men: 0.35, raisedBy: []factor{{diabetes1, 3}, {bipolar, 2}}, course: "thyroid"},
	osteoarthritis:      {words: "osteoarthritis", icd: "M19.90", icdName: "Unspecified osteoarthritis, unspecified site", snomed: "396275006", onset: [9]float64{0, 0, 0.5, 2, 7, 14, 18, 20, 18}, women: 1.2, men: 0.85, bmi: 1.4, course: "osteoarthritis"},
	osteoporosis:        {words: "osteoporosis", icd: "M81.0", icdName: "Age-related osteoporosis without current pathological fracture", snomed: "64859006", onset: [9]float64{0, 0, 0, 0, 0.5, 5, 12, 18, 22}, women: 1.6, men: 0.3, raisedBy: []factor{{rheumatoid, 1.7}}, course: "osteoporosis"},
	reflux:              {words: "acid reflux", lasts: 9, icd: "K21.9", icdName: "Gastro-esophageal reflux disease without esophagitis", snomed: "235595009", onset: [9]float64{0.5, 1, 5, 7, 8, 9, 9, 8, 7}, bmi: 1.3, course: "reflux"},
	gout:                {words: "gout", icd: "M10.9", icdName: "Gout, unspecified", snomed: "90560007", onset: [9]float64{0, 0, 0.2, 0.6, 1.2, 1.8, 2, 2.2, 2.2}, women: 0.4, men: 1.7, bmi: 1.4, raisedBy: []factor{{kidney, 1.8}, {hypertension, 1.5}, {alcohol, 1.6}}, course: "gout"},
	migraine:            {words: "migraine", lasts: 18, icd: "G43.909", icdName: "Migraine, unspecified, not intractable, without status migrainosus", snomed: "37796009", onset: [9]float64{1, 7, 7, 5, 2.5, 1, 0.4, 0.2, 0.1}, women: 1.5, men: 0.55, course: "migraine"},
	epilepsy:            {words: "epilepsy", icd: "G40.909", icdName: "Epilepsy, unspecified, not intractable, without status epilepticus", snomed: "84757009", onset: [9]float64{0.7, 0.4, 0.3, 0.2, 0.2, 0.3, 0.5, 0.9, 1.3}, raisedBy: []factor{{alcohol, 2}, {dementia, 3}}, course: "epilepsy"},
	prostateHyperplasia: {words: "enlarged prostate", icd: "N40.1", icdName: "Benign prostatic hyperplasia with lower urinary tract symptoms", snomed: "266569009", onset: [9]float64{0, 0, 0, 0, 5, 14, 24, 28, 28}, women: -1, course: "prostate"},
	rheumatoid:          {words: "rheumatoid arthritis", icd: "M06.9", icdName: "Rheumatoid arthritis, unspecified", snomed: "69896004", onset: [9]float64{0, 0, 0.15, 0.3, 0.5, 0.7, 0.8, 0.7, 0.5}, women: 1.5, men: 0.6, smoker: 1.5, course: "rheumatoid"},
	ironAnemia:          {words: "iron deficiency anemia", lasts: 2.5, icd: "D50.9", icdName: "Iron deficiency anemia, unspecified", snomed: "87522002", onset: [9]float64{2, 3, 4, 4, 4, 2, 2, 3, 5}, women: 1.6, men: 0.5, raisedBy: []factor{{kidney, 1.6}, {rheumatoid, 1.5}, {ulcer, 3}}, course: "anemia"},
	backPain:            {words: "chronic low back pain", lasts: 6, icd: "M54.50", icdName: "Low back pain, unspecified", snomed: "279039007", onset: [9]float64{0, 2, 7, 10, 12, 12, 10, 8, 6}, bmi: 1.2, course: "back pain"},
	breastCancer:        {words: "breast cancer", icd: "C50.919", icdName: "Malignant neoplasm of unspecified site of unspecified female breast", snomed: "254837009", onset: [9]float64{0, 0, 0.1, 0.5, 1.6, 2.4, 3.4, 4.2, 3.8}, men: -1, course: "breast cancer"},
	prostateCancer:      {words: "prostate cancer", icd: "C61", icdName: "Malignant neoplasm of prostate", snomed: "399068003", onset: [9]float64{0, 0, 0, 0, 0.4, 2.5, 5.5, 5.5, 4}, women: -1, course: "prostate cancer"},
	dementia:            {words: "Alzheimer's disease", icd: "G30.9", icdName: "Alzheimer's disease, unspecified", snomed: "26929004", onset: [9]float64{0, 0, 0, 0, 0, 0.3, 2.5, 11, 32}, raisedBy: []factor{{diabetes2, 1.4}, {hypertension, 1.2}}, course: "dementia"},
	neuropathy:          {words: "diabetic neuropathy", icd: "E11.40", icdName: "Type 2 diabetes mellitus with diabetic neuropathy, unspecified", snomed: "368581000119106", onset: [9]float64{0, 0.01, 0.01, 0.01, 0.01, 0.02, 0.02, 0.02, 0.02}, raisedBy: []factor{{diabetes2, 900}}, course: "neuropathy"},
	ulcer:               {words: "peptic ulcer", lasts: 2, icd: "K27.9", icdName: "Peptic ulcer, site unspecified, unspecified as acute or chronic, without hemorrhage or perforation", onset: [9]float64{0, 0.1, 0.4, 0.6, 0.8, 1.2, 1.8, 2.2, 2.5}, smoker: 1.6, raisedBy: []factor{{osteoarthritis, 1.5}}, course: "ulcer"},

	coldURI:             {words: "a cold", icd: "J06.9", icdName: "Acute upper respiratory infection, unspecified", snomed: "54150009", course: "respiratory"},
	bronchitis:          {words: "acute bronchitis", icd: "J20.9", icdName: "Acute bronchitis, unspecified", snomed: "10509002", course: "respiratory"},
	strep:               {words: "strep throat", icd: "J02.0", icdName: "Streptococcal pharyngitis", snomed: "43878008", course: "throat"},
	otitis:              {words: "middle ear infection", icd: "H66.90", icdName: "Otitis media, unspecified, unspecified ear", snomed: "65363002", course: "otitis"},
	sinusitis:           {words: "bacterial sinusitis", icd: "J01.90", icdName: "Acute sinusitis, unspecified", snomed: "75498004", course: "sinusitis"},
	cystitis:            {words: "bladder infection", icd: "N30.00", icdName: "Acute cystitis without hematuria", snomed: "307426000", course: "urinary"},
	pneumonia:           {words: "pneumonia", icd: "J18.9", icdName: "Pneumonia, unspecified organism", snomed: "233604007", course: "pneumonia"},
	influenza:           {words: "influenza", icd: "J11.1", icdName: "Influenza due to unidentified influenza virus with other respiratory manifestations", snomed: "6142004", course: "influenza"},
	cellulitis:          {words: "cellulitis", icd: "L03.90", icdName: "Cellulitis, unspecified", snomed: "128045006", course: "skin"},
	covid:               {words: "COVID-19", icd: "U07.1", icdName: "COVID-19", snomed: "840539006", course: "covid"},
	gastroenteritis:     {words: "stomach flu", icd: "K52.9", icdName: "Noninfective gastroenteritis and colitis, unspecified", snomed: "25374005", course: "diarrhea"},
	ankleSprain:         {words: "ankle sprain", icd: "S93.409A", icdName: "Sprain of unspecified ligament of unspecified ankle, initial encounter", snomed: "44465007", course: "injury"},
	wristFracture:       {words: "wrist fracture", icd: "S52.509A", icdName: "Unspecified fracture of the lower end of unspecified radius, initial encounter for closed fracture", course: "injury"},
	laceration:          {words: "hand laceration", icd: "S61.419A", icdName: "Laceration without foreign body of unspecified hand, initial encounter", snomed: "312608009", course: "injury"},
	concussion:          {words: "concussion", icd: "S06.0X0A", icdName: "Concussion without loss of consciousness, initial encounter", snomed: "110030002", course: "injury"},
	kidneyStone:         {words: "kidney stone", icd: "N20.0", icdName: "Calculus of kidney", snomed: "95570007", course: "stone"},
	zoster:              {words: "shingles", icd: "B02.9", icdName: "Zoster without complications", snomed: "4740000", course: "zoster"},
	infarction:          {words: "heart attack", icd: "I21.4", icdName: "Non-ST elevation (NSTEMI) myocardial infarction", snomed: "401314000", course: "infarction"},
	stroke:              {words: "ischemic stroke", icd: "I63.9", icdName: "Cerebral infarction, unspecified", snomed: "422504002", course: "stroke"},
	copdFlare:           {words: "COPD exacerbation", icd: "J44.1", icdName: "Chronic obstructive pulmonary disease with (acute) exacerbation", snomed: "195951007", course: "copd"},
	asthmaFlare:         {words: "asthma exacerbation", icd: "J45.901", icdName: "Unspecified asthma with (acute) exacerbation", snomed: "708038006", course: "asthma"},
	heartFlare:          {words: "decompensated heart failure", icd: "I50.23", icdName: "Acute on chronic systolic (congestive) heart failure", course: "heart failure"},
	sepsis:              {words: "sepsis", icd: "A41.9", icdName: "Sepsis, unspecified organism", snomed: "91302008", course: "sepsis"},
	embolism:            {words: "pulmonary embolism", icd: "I26.99", icdName: "Other pulmonary embolism without acute cor pulmonale", snomed: "706870000", course: "embolism"},
	hipFracture:         {words: "hip fracture", icd: "S72.009A", icdName: "Fracture of unspecified part of neck of unspecified femur, initial encounter for closed fracture", snomed: "5913000", course: "hip fracture"},
	appendicitis:        {words: "appendicitis", icd: "K35.80", icdName: "Unspecified acute appendicitis", snomed: "85189001", course: "abdomen"},
	cholecystitis:       {words: "acute cholecystitis", icd: "K81.0", icdName: "Acute cholecystitis", snomed: "65275009", course: "abdomen"},
	bleeding:            {words: "gastrointestinal bleeding", icd: "K92.2", icdName: "Gastrointestinal hemorrhage, unspecified", snomed: "74474003", course: "bleeding"},
	ketoacidosis:        {words: "diabetic ketoacidosis", icd: "E10.10", icdName: "Type 1 diabetes mellitus with ketoacidosis without coma", course: "ketoacidosis"},
	goutFlare:           {words: "gout flare", icd: "M10.9", icdName: "Gout, unspecified", snomed: "90560007", course: "gout"},
	pregnancy:           {words: "pregnancy", icd: "Z34.90", icdName: "Encounter for supervision of normal pregnancy, unspecified, unspecified trimester", snomed: "72892002", course: "pregnancy"},
	gestationalDiabetes: {words: "gestational diabetes", icd: "O24.419", icdName: "Gestational diabetes mellitus in pregnancy, unspecified control", snomed: "11687002", course: "pregnancy"},
	preeclampsia:        {words: "preeclampsia", icd: "O14.90", icdName: "Unspecified pre-eclampsia, unspecified trimester", snomed: "398254007", course: "pregnancy"},
	delivery:            {words: "delivery", icd: "O80", icdName: "Encounter for full-term uncomplicated delivery", course: "pregnancy"},
	coughEffect:         {words: "dry cough", icd: "R05.9", icdName: "Cough, unspecified", snomed: "49727002", course: "hypertension"},
	myalgiaEffect:       {words: "muscle aches", icd: "M79.10", icdName: "Myalgia, unspecified site", snomed: "68962001", course: "lipids"},
	edemaEffect:         {words: "ankle swelling", icd: "R60.0", icdName: "Localized edema", course: "hypertension"},
	diarrheaEffect:      {words: "diarrhea", icd: "R19.7", icdName: "Diarrhea, unspecified", snomed: "62315008", course: "diabetes"},
	angioedemaEffect:    {words: "angioedema", icd: "T78.3XXA", icdName: "Angioneurotic edema, initial encounter", course: "hypertension"},
	hyperkalemia:        {words: "high potassium", icd: "E87.5", icdName: "Hyperkalemia", snomed: "14140009", course: "kidney"},
	prediabetes:         {words: "prediabetes", icd: "R73.03", icdName: "Prediabetes", snomed: "714628002", course: "diabetes"},
}

// hazard is the onset of a chronic condition per year, given age, sex, weight,
// smoking and what the person has.
func (d *disorder) hazard(age int, woman, smoker bool, bmiExcess float64, has *[conditionCount]bool) float64 {
	h := d.onset[min(max(age, 0)/10, 8)] / 1000
	sex := d.men
	if woman {
		sex = d.women
	}
	if h == 0 || sex < 0 {
		return 0
	}
	if sex > 0 {
		h *= sex
	}
	if d.bmi > 0 {
		h *= power(d.bmi, bmiExcess/5)
	}
	if smoker && d.smoker > 0 {
		h *= d.smoker
	}
	for _, f := range d.raisedBy {
		if has[f.of] {
			h *= f.times
		}
	}
	return h
}
