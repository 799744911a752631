package synth

// group is a set of drugs that a clinician chooses among for the same purpose.
type group int

const (
	noGroup group = iota
	aceInhibitor
	arb
	calciumBlocker
	rateCalciumBlocker
	thiazide
	betaBlocker
	nonselectiveBeta
	loopDiuretic
	potassiumSparing
	arni
	pregnancyPressure
	metforminGroup
	sglt2
	glp1
	sulfonylurea
	dpp4
	basalInsulin
	mealInsulin
	statin
	cholesterolAbsorption
	antiplatelet
	p2y12
	nitrate
	directAnticoagulant
	vitaminKAntagonist
	heparins
	glycoside
	shortBeta
	inhaledSteroid
	steroidLABA
	muscarinic
	leukotriene
	oralSteroid
	antihistamine
	nasalSteroid
	topicalSteroid
	ssri
	snri
	bupropionGroup
	mirtazapineGroup
	anxiolytic
	benzodiazepine
	hypnotic
	moodStabilizer
	antipsychotic
	stimulant
	thyroidHormone
	acetaminophenGroup
	nsaid
	weakOpioid
	strongOpioid
	muscleRelaxant
	bisphosphonate
	antiresorptive
	protonPump
	h2Blocker
	urateLowering
	goutAcute
	triptan
	migrainePrevention
	antiepileptic
	alphaBlocker
	reductaseInhibitor
	dmard
	biologic
	folate
	iron
	aromatase
	gnrh
	cholinesterase
	nmda
	neuropathic
	nicotine
	cessation
	craving
	penicillin
	penicillinBroad
	cephalosporin
	cephalosporinIV
	macrolide
	tetracycline
	fluoroquinolone
	sulfaAntibiotic
	urinaryAntibiotic
	broadIV
	glycopeptide
	antiviralFlu
	antiviralCovid
	antiviralZoster
	antiemetic
	contraceptive
	prenatalVitamin
	potassiumSupplement
	intravenousFluid
	vasopressor
	uterotonic
	coughRemedy
	groupCount
)

// drug is an index into drugs.
type drug int

// medicine is one ingredient as this hospital orders it. rxcui is the RxNorm
// clinical drug of display where it is certain, else "" and the order carries
// words only; in is the RxNorm ingredient.
type medicine struct {
	group    group
	name     string // ingredient in lower case
	in       string
	rxcui    string
	display  string
	brand    string // a trade name that free-text orders may use; "" = none
	dose     string
	perDay   int
	days     int // supply of one order with its refills
	weight   float64
	allergen allergen // class the patient may be allergic to
}

// allergen is a class of drugs (or a substance) people are allergic to.
type allergen int

const (
	noAllergen allergen = iota
	allergyPenicillin
	allergySulfa
	allergyNSAID
	allergyACE
	allergyCephalosporin
	allergyOpioid
	allergyStatin
	allergyLatex
	allergyPeanut
	allergyPollen
	allergenCount
)

// drugs is a read-only table. RxNorm (NLM) is public domain; doses and supplies
// are usual adult ones of the FDA labels.
var drugs = []medicine{
	{aceInhibitor, "lisinopril", "29046", "314076", "lisinopril 10 MG Oral Tablet", "Zestril", "10 mg", 1, 90, 1, allergyACE},
	{aceInhibitor, "benazepril", "18867", "898719", "benazepril hydrochloride 40 MG Oral Tablet", "Lotensin", "40 mg", 1, 90, .25, allergyACE},
	{aceInhibitor, "ramipril", "35296", "", "ramipril 5 mg oral capsule", "Altace", "5 mg", 1, 90, .2, allergyACE},
	{arb, "losartan", "52175", "979492", "losartan potassium 50 MG Oral Tablet", "Cozaar", "50 mg", 1, 90, 1, 0},
	{arb, "valsartan", "69749", "", "valsartan 80 mg oral tablet", "Diovan", "80 mg", 1, 90, .4, 0},
	{calciumBlocker, "amlodipine", "17767", "197361", "amlodipine 5 MG Oral Tablet", "Norvasc", "5 mg", 1, 90, 1, 0},
	{calciumBlocker, "nifedipine", "7417", "", "nifedipine ER 30 mg oral tablet", "Procardia XL", "30 mg", 1, 90, .15, 0},
	{rateCalciumBlocker, "diltiazem", "3443", "", "diltiazem CD 120 mg oral capsule", "Cardizem CD", "120 mg", 1, 90, 1, 0},
	{rateCalciumBlocker, "verapamil", "11170", "897685", "verapamil hydrochloride 80 MG Oral Tablet", "", "80 mg", 3, 90, .3, 0},
	{thiazide, "hydrochlorothiazide", "5487", "310798", "hydrochlorothiazide 25 MG Oral Tablet", "Microzide", "25 mg", 1, 90, 1, allergySulfa},
	{thiazide, "chlorthalidone", "2409", "", "chlorthalidone 25 mg oral tablet", "", "25 mg", 1, 90, .6, allergySulfa},
	{betaBlocker, "metoprolol", "6918", "866436", "24 HR metoprolol succinate 50 MG Extended Release Oral Tablet", "Toprol XL", "50 mg", 1, 90, 1, 0},
	{betaBlocker, "bisoprolol", "19484", "854905", "bisoprolol fumarate 5 MG Oral Tablet", "", "5 mg", 1, 90, .4, 0},
	{betaBlocker, "atenolol", "1202", "", "atenolol 50 mg oral tablet", "Tenormin", "50 mg", 1, 90, .3, 0},
	{nonselectiveBeta, "carvedilol", "20352", "200033", "carvedilol 25 MG Oral Tablet", "Coreg", "25 mg", 2, 90, 1, 0},
	{loopDiuretic, "furosemide", "4603", "313988", "furosemide 40 MG Oral Tablet", "Lasix", "40 mg", 1, 90, 1, 0},
	{loopDiuretic, "torsemide", "38413", "", "torsemide 20 mg oral tablet", "", "20 mg", 1, 90, .35, 0},
	{potassiumSparing, "spironolactone", "9997", "313096", "spironolactone 25 MG Oral Tablet", "Aldactone", "25 mg", 1, 90, 1, 0},
	{arni, "sacubitril / valsartan", "", "1656356", "sacubitril 97 MG / valsartan 103 MG Oral Tablet", "Entresto", "97/103 mg", 2, 90, 1, allergyACE},
	{pregnancyPressure, "labetalol", "6185", "", "labetalol 200 mg oral tablet", "", "200 mg", 2, 30, 1, 0},
	{pregnancyPressure, "nifedipine", "7417", "", "nifedipine ER 30 mg oral tablet", "Procardia XL", "30 mg", 1, 30, .8, 0},
	{pregnancyPressure, "methyldopa", "6876", "", "methyldopa 250 mg oral tablet", "", "250 mg", 3, 30, .2, 0},
	{metforminGroup, "metformin", "6809", "861007", "metformin hydrochloride 500 MG Oral Tablet", "Glucophage", "500 mg", 2, 90, 1, 0},
	{metforminGroup, "metformin", "6809", "860975", "24 HR Metformin hydrochloride 500 MG Extended Release Oral Tablet", "Glucophage XR", "500 mg", 1, 90, .5, 0},
	{sglt2, "empagliflozin", "1545653", "1545658", "empagliflozin 10 MG Oral Tablet", "Jardiance", "10 mg", 1, 90, 1, 0},
	{sglt2, "dapagliflozin", "1488564", "", "dapagliflozin 10 mg oral tablet", "Farxiga", "10 mg", 1, 90, .7, 0},
	{glp1, "semaglutide", "1991302", "", "semaglutide 0.5 mg weekly pen", "Ozempic", "0.5 mg", 1, 84, 1, 0},
	{glp1, "liraglutide", "475968", "897122", "3 ML liraglutide 6 MG/ML Pen Injector", "Victoza", "1.2 mg", 1, 90, .4, 0},
	{sulfonylurea, "glipizide", "4821", "", "glipizide 5 mg oral tablet", "Glucotrol", "5 mg", 1, 90, 1, 0},
	{sulfonylurea, "glimepiride", "25789", "", "glimepiride 2 mg oral tablet", "Amaryl", "2 mg", 1, 90, .8, 0},
	{dpp4, "sitagliptin", "593411", "", "sitagliptin 100 mg oral tablet", "Januvia", "100 mg", 1, 90, 1, 0},
	{basalInsulin, "insulin glargine", "274783", "", "insulin glargine 100 units/mL pen", "Lantus", "20 units", 1, 90, 1, 0},
	{mealInsulin, "insulin lispro", "86009", "", "insulin lispro 100 units/mL pen", "Humalog", "6 units", 3, 90, 1, 0},
	{statin, "atorvastatin", "83367", "617310", "atorvastatin 20 MG Oral Tablet", "Lipitor", "20 mg", 1, 90, 1, allergyStatin},
	{statin, "rosuvastatin", "301542", "859749", "rosuvastatin calcium 10 MG Oral Tablet [Crestor]", "Crestor", "10 mg", 1, 90, .7, allergyStatin},
	{statin, "simvastatin", "36567", "312961", "simvastatin 20 MG Oral Tablet", "Zocor", "20 mg", 1, 90, .35, allergyStatin},
	{statin, "pravastatin", "42463", "", "pravastatin 40 mg oral tablet", "Pravachol", "40 mg", 1, 90, .3, allergyStatin},
	{cholesterolAbsorption, "ezetimibe", "341248", "", "ezetimibe 10 mg oral tablet", "Zetia", "10 mg", 1, 90, 1, 0},
	{antiplatelet, "aspirin", "1191", "243670", "aspirin 81 MG Oral Tablet", "", "81 mg", 1, 90, 1, allergyNSAID},
	{p2y12, "clopidogrel", "32968", "309362", "clopidogrel 75 MG Oral Tablet", "Plavix", "75 mg", 1, 90, 1, 0},
	{p2y12, "prasugrel", "613391", "855812", "prasugrel 10 MG Oral Tablet", "Effient", "10 mg", 1, 90, .2, 0},
	{nitrate, "nitroglycerin", "4917", "198039", "nitroglycerin 0.4 MG Sublingual Tablet", "Nitrostat", "0.4 mg", 0, 180, 1, 0},
	{directAnticoagulant, "apixaban", "1364430", "1364445", "apixaban 5 MG Oral Tablet", "Eliquis", "5 mg", 2, 90, 1, 0},
	{directAnticoagulant, "rivaroxaban", "1114195", "", "rivaroxaban 20 mg oral tablet", "Xarelto", "20 mg", 1, 90, .6, 0},
	{vitaminKAntagonist, "warfarin", "11289", "855332", "warfarin sodium 5 MG Oral Tablet", "Coumadin", "5 mg", 1, 60, 1, 0},
	{heparins, "enoxaparin", "67108", "854235", "0.4 ML enoxaparin sodium 100 MG/ML Prefilled Syringe", "Lovenox", "40 mg", 1, 5, 1, 0},
	{heparins, "heparin", "5224", "1659263", "1 ML heparin sodium, porcine 5000 UNT/ML Injection", "", "5000 units", 3, 5, .6, 0},
	{glycoside, "digoxin", "3407", "197604", "digoxin 0.125 MG Oral Tablet", "Lanoxin", "0.125 mg", 1, 90, 1, 0},
	{shortBeta, "albuterol", "435", "2123111", "NDA020503 200 ACTUAT Albuterol 0.09 MG/ACTUAT Metered Dose Inhaler", "Proventil", "2 puffs", 0, 120, 1, 0},
	{shortBeta, "levalbuterol", "237159", "746466", "200 ACTUAT levalbuterol 0.045 MG/ACTUAT Metered Dose Inhaler [Xopenex]", "Xopenex", "2 puffs", 0, 120, .15, 0},
	{inhaledSteroid, "fluticasone", "41126", "896001", "120 ACTUAT fluticasone propionate 0.11 MG/ACTUAT Metered Dose Inhaler [Flovent]", "Flovent", "2 puffs", 2, 90, 1, 0},
	{inhaledSteroid, "budesonide", "19831", "349094", "budesonide 0.125 MG/ML Inhalation Suspension", "Pulmicort", "1 vial", 2, 90, .5, 0},
	{steroidLABA, "fluticasone / salmeterol", "", "896209", "60 ACTUAT Fluticasone propionate 0.25 MG/ACTUAT / salmeterol 0.05 MG/ACTUAT Dry Powder Inhaler", "Advair", "1 puff", 2, 90, 1, 0},
	{steroidLABA, "budesonide / formoterol", "", "", "budesonide-formoterol 160-4.5 mcg inhaler", "Symbicort", "2 puffs", 2, 90, 1, 0},
	{muscarinic, "tiotropium", "69120", "", "tiotropium 18 mcg inhalation capsule", "Spiriva", "1 capsule", 1, 90, 1, 0},
	{muscarinic, "umeclidinium", "1487514", "", "umeclidinium 62.5 mcg inhaler", "Incruse Ellipta", "1 puff", 1, 90, .4, 0},
	{leukotriene, "montelukast", "88249", "", "montelukast 10 mg oral tablet", "Singulair", "10 mg", 1, 90, 1, 0},
	{oralSteroid, "prednisone", "8640", "312615", "prednisone 20 MG Oral Tablet", "", "40 mg", 1, 5, 1, 0},
	{oralSteroid, "methylprednisolone", "6902", "", "methylprednisolone 4 mg dose pack", "Medrol", "4 mg", 6, 6, .35, 0},
	{antihistamine, "cetirizine", "20610", "1014678", "cetirizine hydrochloride 10 MG Oral Tablet", "Zyrtec", "10 mg", 1, 90, 1, 0},
	{antihistamine, "loratadine", "28889", "311372", "loratadine 10 MG Oral Tablet", "Claritin", "10 mg", 1, 90, .8, 0},
	{antihistamine, "fexofenadine", "87636", "997501", "fexofenadine hydrochloride 60 MG Oral Tablet", "Allegra", "60 mg", 2, 90, .3, 0},
	{nasalSteroid, "fluticasone", "41126", "", "fluticasone 50 mcg nasal spray", "Flonase", "2 sprays", 1, 90, 1, 0},
	{topicalSteroid, "hydrocortisone", "5492", "106258", "Hydrocortisone 10 MG/ML Topical Cream", "", "thin layer", 2, 30, 1, 0},
	{topicalSteroid, "triamcinolone", "10759", "", "triamcinolone 0.1 % cream", "", "thin layer", 2, 30, .8, 0},
	{ssri, "sertraline", "36437", "312941", "sertraline 50 MG Oral Tablet", "Zoloft", "50 mg", 1, 90, 1, 0},
	{ssri, "escitalopram", "321988", "349332", "escitalopram 10 MG Oral Tablet", "Lexapro", "10 mg", 1, 90, .9, 0},
	{ssri, "fluoxetine", "4493", "310385", "fluoxetine 20 MG Oral Capsule", "Prozac", "20 mg", 1, 90, .6, 0},
	{ssri, "citalopram", "2556", "", "citalopram 20 mg oral tablet", "Celexa", "20 mg", 1, 90, .4, 0},
	{snri, "venlafaxine", "39786", "", "venlafaxine XR 75 mg oral capsule", "Effexor XR", "75 mg", 1, 90, .8, 0},
	{snri, "duloxetine", "72625", "596926", "duloxetine 20 MG Delayed Release Oral Capsule", "Cymbalta", "40 mg", 1, 90, 1, 0},
	{bupropionGroup, "bupropion", "42347", "", "bupropion XL 150 mg oral tablet", "Wellbutrin XL", "150 mg", 1, 90, 1, 0},
	{mirtazapineGroup, "mirtazapine", "15996", "", "mirtazapine 15 mg oral tablet", "Remeron", "15 mg", 1, 90, 1, 0},
	{anxiolytic, "buspirone", "1827", "", "buspirone 10 mg oral tablet", "", "10 mg", 2, 90, 1, 0},
	{anxiolytic, "hydroxyzine", "5553", "", "hydroxyzine 25 mg oral tablet", "", "25 mg", 0, 60, .7, 0},
	{benzodiazepine, "clonazepam", "2598", "204892", "clonazepam 0.25 MG Oral Tablet", "Klonopin", "0.25 mg", 2, 30, 1, 0},
	{benzodiazepine, "lorazepam", "6470", "", "lorazepam 0.5 mg oral tablet", "Ativan", "0.5 mg", 0, 30, 1, 0},
	{hypnotic, "trazodone", "10737", "", "trazodone 50 mg oral tablet", "", "50 mg", 1, 90, 1, 0},
	{hypnotic, "zolpidem", "39993", "", "zolpidem 5 mg oral tablet", "Ambien", "5 mg", 1, 30, .7, 0},
	{hypnotic, "melatonin", "6711", "", "melatonin 3 mg oral tablet", "", "3 mg", 1, 90, .6, 0},
	{moodStabilizer, "lithium", "6448", "", "lithium carbonate 300 mg oral capsule", "", "300 mg", 2, 90, 1, 0},
	{moodStabilizer, "lamotrigine", "28439", "", "lamotrigine 100 mg oral tablet", "Lamictal", "100 mg", 1, 90, 1, 0},
	{antipsychotic, "quetiapine", "51272", "", "quetiapine 100 mg oral tablet", "Seroquel", "100 mg", 1, 90, 1, 0},
	{antipsychotic, "aripiprazole", "89013", "", "aripiprazole 5 mg oral tablet", "Abilify", "5 mg", 1, 90, .8, 0},
	{stimulant, "methylphenidate", "6901", "", "methylphenidate ER 18 mg oral tablet", "Concerta", "18 mg", 1, 30, 1, 0},
	{stimulant, "lisdexamfetamine", "700810", "", "lisdexamfetamine 30 mg oral capsule", "Vyvanse", "30 mg", 1, 30, .8, 0},
	{thyroidHormone, "levothyroxine", "10582", "966222", "levothyroxine sodium 0.075 MG Oral Tablet", "Synthroid", "75 mcg", 1, 90, 1, 0},
	{acetaminophenGroup, "acetaminophen", "161", "198440", "acetaminophen 500 MG Oral Tablet", "Tylenol", "500 mg", 0, 30, 1, 0},
	{nsaid, "ibuprofen", "5640", "310965", "ibuprofen 200 MG Oral Tablet", "Motrin", "400 mg", 3, 30, 1, allergyNSAID},
	{nsaid, "naproxen", "7258", "198014", "naproxen 500 MG Oral Tablet", "Naprosyn", "500 mg", 2, 30, .9, allergyNSAID},
	{nsaid, "meloxicam", "41493", "", "meloxicam 15 mg oral tablet", "Mobic", "15 mg", 1, 60, .7, allergyNSAID},
	{weakOpioid, "tramadol", "10689", "835603", "tramadol hydrochloride 50 MG Oral Tablet", "Ultram", "50 mg", 0, 14, 1, allergyOpioid},
	{strongOpioid, "acetaminophen / oxycodone", "", "1049221", "acetaminophen 325 MG / oxycodone hydrochloride 5 MG Oral Tablet", "Percocet", "1 tablet", 0, 5, 1, allergyOpioid},
	{strongOpioid, "morphine", "7052", "1732136", "1 ML Morphine Sulfate 5 MG/ML Injection", "", "4 mg", 0, 2, .6, allergyOpioid},
	{muscleRelaxant, "cyclobenzaprine", "21949", "", "cyclobenzaprine 10 mg oral tablet", "Flexeril", "10 mg", 1, 14, 1, 0},
	{muscleRelaxant, "tizanidine", "57258", "", "tizanidine 4 mg oral tablet", "Zanaflex", "4 mg", 3, 14, .4, 0},
	{bisphosphonate, "alendronate", "46041", "904419", "alendronic acid 10 MG Oral Tablet", "Fosamax", "10 mg", 1, 90, 1, 0},
	{bisphosphonate, "risedronate", "73056", "", "risedronate 35 mg weekly oral tablet", "Actonel", "35 mg", 1, 84, .3, 0},
	{antiresorptive, "denosumab", "993449", "", "denosumab 60 mg injection", "Prolia", "60 mg", 1, 180, 1, 0},
	{protonPump, "omeprazole", "7646", "198051", "omeprazole 20 MG Delayed Release Oral Capsule", "Prilosec", "20 mg", 1, 90, 1, 0},
	{protonPump, "pantoprazole", "40790", "", "pantoprazole 40 mg oral tablet", "Protonix", "40 mg", 1, 90, .8, 0},
	{h2Blocker, "famotidine", "4278", "", "famotidine 20 mg oral tablet", "Pepcid", "20 mg", 2, 90, 1, 0},
	{urateLowering, "allopurinol", "519", "197319", "allopurinol 100 MG Oral Tablet", "Zyloprim", "100 mg", 1, 90, 1, 0},
	{urateLowering, "febuxostat", "73689", "", "febuxostat 40 mg oral tablet", "Uloric", "40 mg", 1, 90, .15, 0},
	{goutAcute, "colchicine", "2683", "", "colchicine 0.6 mg oral tablet", "Colcrys", "0.6 mg", 2, 10, 1, 0},
	{triptan, "sumatriptan", "37418", "", "sumatriptan 50 mg oral tablet", "Imitrex", "50 mg", 0, 90, 1, 0},
	{triptan, "rizatriptan", "88014", "", "rizatriptan 10 mg oral tablet", "Maxalt", "10 mg", 0, 90, .6, 0},
	{migrainePrevention, "propranolol", "8787", "", "propranolol 40 mg oral tablet", "Inderal", "40 mg", 2, 90, 1, 0},
	{migrainePrevention, "topiramate", "38404", "", "topiramate 50 mg oral tablet", "Topamax", "50 mg", 2, 90, .9, 0},
	{migrainePrevention, "amitriptyline", "704", "", "amitriptyline 25 mg oral tablet", "", "25 mg", 1, 90, .6, 0},
	{antiepileptic, "levetiracetam", "114477", "", "levetiracetam 500 mg oral tablet", "Keppra", "500 mg", 2, 90, 1, 0},
	{antiepileptic, "lamotrigine", "28439", "", "lamotrigine 100 mg oral tablet", "Lamictal", "100 mg", 2, 90, .8, 0},
	{antiepileptic, "divalproex", "266856", "", "divalproex ER 500 mg oral tablet", "Depakote ER", "500 mg", 2, 90, .4, 0},
	{alphaBlocker, "tamsulosin", "77492", "", "tamsulosin 0.4 mg oral capsule", "Flomax", "0.4 mg", 1, 90, 1, 0},
	{reductaseInhibitor, "finasteride", "25025", "", "finasteride 5 mg oral tablet", "Proscar", "5 mg", 1, 90, 1, 0},
	{dmard, "methotrexate", "6851", "", "methotrexate 2.5 mg oral tablet", "", "15 mg weekly", 1, 84, 1, 0},
	{dmard, "hydroxychloroquine", "5521", "", "hydroxychloroquine 200 mg oral tablet", "Plaquenil", "200 mg", 2, 90, .6, 0},
	{biologic, "adalimumab", "327361", "", "adalimumab 40 mg pen", "Humira", "40 mg", 1, 84, 1, 0},
	{folate, "folic acid", "4511", "", "folic acid 1 mg oral tablet", "", "1 mg", 1, 90, 1, 0},
	{iron, "ferrous sulfate", "24947", "310325", "ferrous sulfate 325 MG Oral Tablet", "", "325 mg", 1, 90, 1, 0},
	{aromatase, "anastrozole", "84857", "", "anastrozole 1 mg oral tablet", "Arimidex", "1 mg", 1, 90, 1, 0},
	{aromatase, "tamoxifen", "10324", "", "tamoxifen 20 mg oral tablet", "", "20 mg", 1, 90, .6, 0},
	{gnrh, "leuprolide", "42375", "", "leuprolide 22.5 mg injection", "Lupron", "22.5 mg", 1, 90, 1, 0},
	{cholinesterase, "donepezil", "135447", "997223", "donepezil hydrochloride 10 MG Oral Tablet", "Aricept", "10 mg", 1, 90, 1, 0},
	{nmda, "memantine", "6719", "996740", "memantine hydrochloride 2 MG/ML Oral Solution", "Namenda", "10 mg", 2, 90, 1, 0},
	{neuropathic, "gabapentin", "25480", "310431", "gabapentin 300 MG Oral Capsule", "Neurontin", "300 mg", 3, 90, 1, 0},
	{neuropathic, "pregabalin", "187832", "", "pregabalin 75 mg oral capsule", "Lyrica", "75 mg", 2, 90, .5, 0},
	{nicotine, "nicotine", "7407", "198031", "nicotine 7 MG/Day 24HR Transdermal System", "Nicoderm", "1 patch", 1, 42, 1, 0},
	{cessation, "varenicline", "591622", "", "varenicline 1 mg oral tablet", "Chantix", "1 mg", 2, 84, 1, 0},
	{craving, "naltrexone", "7243", "", "naltrexone 50 mg oral tablet", "", "50 mg", 1, 90, 1, 0},
	{penicillin, "amoxicillin", "723", "308192", "amoxicillin 500 MG Oral Tablet", "", "500 mg", 3, 10, 1, allergyPenicillin},
	{penicillin, "penicillin V", "7984", "834102", "penicillin V potassium 500 MG Oral Tablet", "", "500 mg", 2, 10, .35, allergyPenicillin},
	{penicillinBroad, "amoxicillin / clavulanate", "", "617296", "amoxicillin 500 MG / clavulanate 125 MG Oral Tablet", "Augmentin", "500/125 mg", 3, 7, 1, allergyPenicillin},
	{cephalosporin, "cephalexin", "2231", "197454", "cephalexin 500 MG Oral Tablet", "Keflex", "500 mg", 4, 7, 1, allergyCephalosporin},
	{cephalosporin, "cefuroxime", "2194", "309097", "cefuroxime 250 MG Oral Tablet", "Ceftin", "250 mg", 2, 7, .4, allergyCephalosporin},
	{cephalosporinIV, "ceftriaxone", "2193", "", "ceftriaxone 1 g intravenous", "Rocephin", "1 g", 1, 5, 1, allergyCephalosporin},
	{cephalosporinIV, "cefazolin", "2180", "1665060", "cefazolin 2000 MG Injection", "", "2 g", 3, 2, .3, allergyCephalosporin},
	{macrolide, "azithromycin", "18631", "141962", "azithromycin 250 MG Oral Capsule", "Zithromax", "250 mg", 1, 5, 1, 0},
	{macrolide, "clarithromycin", "21212", "", "clarithromycin 500 mg oral tablet", "Biaxin", "500 mg", 2, 7, .1, 0},
	{tetracycline, "doxycycline", "3640", "", "doxycycline hyclate 100 mg oral tablet", "", "100 mg", 2, 7, 1, 0},
	{fluoroquinolone, "levofloxacin", "82122", "", "levofloxacin 750 mg oral tablet", "Levaquin", "750 mg", 1, 5, .8, 0},
	{fluoroquinolone, "ciprofloxacin", "2551", "309309", "ciprofloxacin 500 MG Oral Tablet", "Cipro", "500 mg", 2, 3, 1, 0},
	{sulfaAntibiotic, "sulfamethoxazole / trimethoprim", "", "198335", "sulfamethoxazole 800 MG / trimethoprim 160 MG Oral Tablet", "Bactrim DS", "1 tablet", 2, 3, 1, allergySulfa},
	{urinaryAntibiotic, "nitrofurantoin", "7454", "1648755", "nitrofurantoin, macrocrystals 25 MG / nitrofurantoin, monohydrate 75 MG Oral Capsule", "Macrobid", "100 mg", 2, 5, 1, 0},
	{broadIV, "piperacillin / tazobactam", "", "1659149", "Piperacillin 4000 MG / tazobactam 500 MG Injection", "Zosyn", "4.5 g", 4, 4, 1, allergyPenicillin},
	{broadIV, "cefepime", "20481", "", "cefepime 2 g intravenous", "", "2 g", 3, 4, .7, allergyCephalosporin},
	{broadIV, "meropenem", "29561", "", "meropenem 1 g intravenous", "", "1 g", 3, 4, .3, 0},
	{glycopeptide, "vancomycin", "11124", "1807510", "150 ML vancomycin 5 MG/ML Injection", "", "15 mg/kg", 2, 3, 1, 0},
	{antiviralFlu, "oseltamivir", "260101", "", "oseltamivir 75 mg oral capsule", "Tamiflu", "75 mg", 2, 5, 1, 0},
	{antiviralCovid, "nirmatrelvir / ritonavir", "", "", "nirmatrelvir-ritonavir dose pack", "Paxlovid", "3 tablets", 2, 5, 1, 0},
	{antiviralZoster, "valacyclovir", "73645", "", "valacyclovir 1 g oral tablet", "Valtrex", "1 g", 3, 7, 1, 0},
	{antiemetic, "ondansetron", "26225", "1740467", "2 ML Ondansetron 2 MG/ML Injection", "Zofran", "4 mg", 0, 3, 1, 0},
	{contraceptive, "ethinyl estradiol / levonorgestrel", "", "748879", "Levora 0.15/30 28 Day Pack", "Levora", "1 tablet", 1, 168, 1, 0},
	{contraceptive, "norethindrone", "7514", "748962", "Camila 28 Day Pack", "Camila", "1 tablet", 1, 168, .4, 0},
	{prenatalVitamin, "prenatal vitamin", "", "", "prenatal vitamin oral tablet", "", "1 tablet", 1, 90, 1, 0},
	{potassiumSupplement, "potassium chloride", "8591", "", "potassium chloride ER 20 mEq oral tablet", "Klor-Con", "20 mEq", 1, 7, 1, 0},
	{intravenousFluid, "sodium chloride", "9863", "313002", "Sodium Chloride 9 MG/ML Injectable Solution", "", "1 L", 0, 1, 1, 0},
	{vasopressor, "norepinephrine", "7512", "242969", "4 ML norepinephrine 1 MG/ML Injection", "Levophed", "titrate", 0, 2, 1, 0},
	{uterotonic, "oxytocin", "7824", "", "oxytocin 30 units in 500 mL", "Pitocin", "titrate", 0, 1, 1, 0},
	{coughRemedy, "benzonatate", "18993", "", "benzonatate 100 mg oral capsule", "Tessalon", "100 mg", 3, 7, 1, 0},
	{coughRemedy, "guaifenesin", "5032", "", "guaifenesin 600 mg oral tablet", "Mucinex", "600 mg", 2, 7, .8, 0},
}

// allergenCodes are what an AllergyIntolerance names. RxNorm ingredient codes
// for drugs, SNOMED CT for substances.
var allergenCodes = [allergenCount]struct {
	words, reaction, category string
	code                      coding
}{
	allergyPenicillin:    {"Penicillin", "hives", "medication", coding{sysRxNorm, "7980", "penicillin G"}},
	allergySulfa:         {"Sulfa antibiotics", "rash", "medication", coding{sysRxNorm, "10180", "sulfamethoxazole"}},
	allergyNSAID:         {"Ibuprofen", "wheezing", "medication", coding{sysRxNorm, "5640", "ibuprofen"}},
	allergyACE:           {"Lisinopril", "angioedema", "medication", coding{sysRxNorm, "29046", "lisinopril"}},
	allergyCephalosporin: {"Cephalexin", "rash", "medication", coding{sysRxNorm, "2231", "cephalexin"}},
	allergyOpioid:        {"Codeine", "vomiting", "medication", coding{sysRxNorm, "2670", "codeine"}},
	allergyStatin:        {"Statins", "muscle pain", "medication", coding{sysRxNorm, "36567", "simvastatin"}},
	allergyLatex:         {"Latex", "itching", "environment", coding{sysSNOMED, "111088007", "Latex (substance)"}},
	allergyPeanut:        {"Peanut", "anaphylaxis", "food", coding{sysSNOMED, "762952008", "Peanut (substance)"}},
	allergyPollen:        {"Grass pollen", "sneezing", "environment", coding{sysSNOMED, "256277009", "Grass pollen (substance)"}},
}
