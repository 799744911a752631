package terms_test

import (
	"strings"
	"testing"

	"ember/record"
)

// precision are order texts with the ingredients a pharmacist reads in them,
// sorted; "" = must stay unmapped. Texts are written for this test in the
// manner of RxNorm, of hospital systems and of clinicians.
const precision = `
Hydrochlorothiazide 25 MG Oral Tablet = hydrochlorothiazide
24 HR metoprolol succinate 100 MG Extended Release Oral Tablet = metoprolol
Acetaminophen 325 MG / Oxycodone Hydrochloride 10 MG Oral Tablet [Percocet] = acetaminophen, oxycodone
NDA020503 200 ACTUAT albuterol 0.09 MG/ACTUAT Metered Dose Inhaler [Proventil] = albuterol
1 ML Epoetin Alfa 4000 UNT/ML Injection [Epogen] = epoetin alfa
ASPIRIN EC 81 MG PO TBEC = aspirin
5 ML VIAL : DILTIAZEM HCL 25 MG/5ML IV SOLN = diltiazem
NACL 0.9% 1000 ML = sodium chloride
PANTOPRAZOLE SODIUM = pantoprazole
insulin lispro = insulin lispro
HYDROcodone-acetaminophen = acetaminophen, hydrocodone
MORPHINE INJ = morphine
KCL 20 MEQ = potassium chloride
TYLENOL = acetaminophen
Lasix = furosemide
Zofran = ondansetron
potassium chloride = potassium chloride
sodium chloride = sodium chloride
calcium chloride 10 % = calcium chloride
magnesium chloride = magnesium chloride
SODIUM CHLORIDE 0.9 % WITH KCL 20 MEQ/L = potassium chloride, sodium chloride
POTASSIUM CHLORIDE IN DEXTROSE 5 % = glucose, potassium chloride
DEXTROSE 5% IN WATER 1000 ML = glucose
D5W 250 ML = glucose
D50 = glucose
DEXTROSE 5% IN NORMAL SALINE = glucose, sodium chloride
D5 1/2NS = glucose
LACTATED RINGER'S 1,000 ML BAG. = lactated ringer's
STERILE WATER FOR INJECTION = water
HEPARIN (PORCINE) IN NACL 100-0.45 UNIT/ML-% IJ SOLN = heparin
HEPARIN/DEXTROSE 5% 25000 UNITS/250 ML BAG = heparin
heparin flush 10 unit/ml = heparin
HEPARIN SODIUM LOCK FLUSH 10 UNIT/ML IV SOLN = heparin
SALINE FLUSH 10 ML = sodium chloride
sodium chloride 0.9 % flush 10 mL = sodium chloride
VANCOMYCIN 1 GM in NS 250 mL IVPB = vancomycin
norepinephrine 8 mg in D5W 250 ml = norepinephrine
MAGNESIUM SULFATE IN D5W 10-5 MG/ML-% IV SOLN = magnesium sulfate
CALCIUM GLUCONATE 1 GRAM/D5W 50ML = calcium gluconate
NITROGLYCERIN 50MG/D5W 250ML BTL = nitroglycerin
KCL 40 MEQ/100ML STERILE WATER BAG = potassium chloride
hydroxyzine 25 mg = hydroxyzine
hydralazine 25 mg = hydralazine
hydrALAZINE 20 MG/ML = hydralazine
hydrOXYzine HCL = hydroxyzine
hydroxychloroquine 200 mg = hydroxychloroquine
hydrocortisone 1 % cream = hydrocortisone
hydrochlorothiazide/lisinopril 12.5/20 = hydrochlorothiazide, lisinopril
ibuprofen lysine 10 mg/ml = ibuprofen
chlorpromazine 25 mg = chlorpromazine
chlorpropamide 250 mg = chlorpropamide
clonidine 0.1 = clonidine
clonazepam 0.5 = clonazepam
clozapine 100 = clozapine
clobazam 10 = clobazam
prednisone 20 mg = prednisone
prednisolone 15 mg/5ml = prednisolone
methylPREDNISolone sod suc(PF) = methylprednisolone
medroxyprogesterone 150 mg = medroxyprogesterone
DOBUTamine drip = dobutamine
DOPamine drip = dopamine
ePHEDrine = ephedrine
EPINEPHrine = epinephrine
NORepinephrine = norepinephrine
phenylephrine = phenylephrine
vinBLAStine = vinblastine
vinCRIStine = vincristine
cycloSERINE 250 mg =
cycloSPORINE 100 mg = cyclosporine
cyclophosphamide 50 mg = cyclophosphamide
cyclobenzaprine 10 mg = cyclobenzaprine
traMADol 50 mg = tramadol
traZODone 50 mg = trazodone
glipiZIDE = glipizide
glyBURIDE = glyburide
glyburide-metformin 5-500 mg = glyburide, metformin
QUEtiapine = quetiapine
quiNIDine = quinidine
quiNINE = quinine
rifAXIMin = rifaximin
rifAMPin = rifampin
sulfADIAZINE = sulfadiazine
sulfaSALAzine = sulfasalazine
silver sulfadiazine 1 % cream = silver sulfadiazine
SUMAtriptan = sumatriptan
sitaGLIPtin = sitagliptin
saxagliptin = saxagliptin
predniSONE = prednisone
valACYclovir = valacyclovir
valGANciclovir = valganciclovir
ZyPREXA = olanzapine
ZyrTEC = cetirizine
lamiVUDine = lamivudine
lamoTRIgine = lamotrigine
LamISIL = terbinafine
LaMICtal = lamotrigine
oxyCODONE 5 mg = oxycodone
OxyCONTIN = oxycodone
OXcarbazepine = oxcarbazepine
carBAMazepine = carbamazepine
metFORMIN = metformin
metroNIDAZOLE = metronidazole
metoprolol tartrate = metoprolol
methotrexate = methotrexate
insulin regular human 100 unit/ml = insulin regular
insulin, regular, human 100 UNT/ML Injectable Solution = insulin regular
INSULIN (REGULAR) 100 UNITS in 1 = insulin regular
REGULAR insulin = insulin regular
insulin NPH = insulin isophane
insulin isophane, human 70 UNT/ML / insulin, regular, human 30 UNT/ML Injectable Suspension [Humulin] = insulin isophane, insulin regular
INSULIN HUMALOG (PER UNIT) = insulin lispro
INSULIN LANTUS (PER UNIT) = insulin glargine
insulin aspart (NovoLOG) inj = insulin aspart
INSULIN INFUSION = insulin
NovoLIN R = insulin regular
insulin degludec-liraglutide = insulin degludec, liraglutide
ATORVASTATIN CALCIUM 40 MG = atorvastatin
LOSARTAN POTASSIUM 50 MG = losartan
losartan potassium-hctz 50-12.5 mg = hydrochlorothiazide, losartan
ESOMEPRAZOLE MAGNESIUM 40 MG = esomeprazole
NAPROXEN SODIUM 220 MG = naproxen
WARFARIN SOD = warfarin
Penicillin V Potassium 500 MG Oral Tablet = penicillin v
PENICILLIN G BENZATHINE 1.2 MU IM = penicillin g
AMOXICILLIN-POT CLAVULANATE 875-125 MG = amoxicillin, clavulanate
amoxicillin/clavulanate = amoxicillin, clavulanate
PIPERACILLIN SOD-TAZOBACTAM SO 3-0.375 G = piperacillin, tazobactam
ampicillin-sulbactam = ampicillin, sulbactam
imipenem-cilastatin = cilastatin, imipenem
BACTRIM DS = sulfamethoxazole, trimethoprim
SMX-TMP 800-160 = sulfamethoxazole, trimethoprim
sulfamethoxazole-trimethoprim = sulfamethoxazole, trimethoprim
IPRATROPIUM-ALBUTEROL 0.5-2.5 (3) MG/3ML IN SOLN = albuterol, ipratropium
DUONEB 3 MG-0.5 MG/3 ML UD INH SOLN = albuterol, ipratropium
ALBUTEROL 2.5 MG/3 ML UD INH SOLN = albuterol
PROVENTIL,VENTOLIN = albuterol
NORMODYNE;TRANDATE = labetalol
FLUTICASONE-SALMETEROL 250-50 MCG/DOSE IN AEPB = fluticasone, salmeterol
furosemide (LASIX) inj 40 mg = furosemide
docusate sodium (COLACE) cap 100 mg = docusate
SENNOSIDES-DOCUSATE SODIUM 8.6-50 MG = docusate, sennosides
SENOKOT-S = docusate, sennosides
TYLENOL WITH CODEINE = acetaminophen, codeine
Acetaminophen 300 MG / Codeine Phosphate 15 MG Oral Tablet = acetaminophen, codeine
DEXAMETHASONE SODIUM PHOSPHATE 4 MG/ML = dexamethasone
HYDROCORTISONE NA SUCCINATE PF 100 MG = hydrocortisone
POTASSIUM & SODIUM PHOSPHATES 280-160-250 MG = potassium phosphate, sodium phosphate
K PHOS MONO-SOD PHOS DI & MONO 155-852-130 MG = potassium phosphate, sodium phosphate
potassium phosphate 15 mmol in NS 250 = potassium phosphate
sodium phosphate 3 mmol/mL = sodium phosphate
SODIUM BICARBONATE 8.4% = sodium bicarbonate
SODIUM POLYSTYRENE SULFONATE = sodium polystyrene sulfonate
CALCIUM CARBONATE 500 MG CHEW = calcium carbonate
CALCIUM CARBONATE-VITAMIN D 500-200 = calcium carbonate, cholecalciferol
calcium 600 mg tab = calcium
MULTIVITAMIN WITH MINERALS = multivitamin
FERROUS SULFATE 325 (65 FE) MG = ferrous sulfate
ALUM & MAG HYDROXIDE-SIMETH 200-200-20 MG/5ML = aluminum hydroxide, magnesium hydroxide, simethicone
GLUCOSE-VITAMIN C 4-0.006 G CHEW = ascorbic acid, glucose
LIDOCAINE-PRILOCAINE 2.5-2.5 % EX CREA = lidocaine, prilocaine
lidocaine-epinephrine 1 %-1:100,000 = epinephrine, lidocaine
bupivacaine with epinephrine = bupivacaine, epinephrine
IOHEXOL 350 MG IODINE/ML = iohexol
OPTIRAY 320 = ioversol
POVIDONE-IODINE 10 % = povidone-iodine
PNEUMOCOCCAL 23-VALPS VACCINE 25 MCG/0.5 ML = pneumococcal vaccine
INFLUENZA VAC SPLIT QUAD 0.5 ML IM SUSP = influenza vaccine
TETANUS IMMUNE GLOBULIN = tetanus immune globulin
LEVOTHYROXINE 100 MCG = levothyroxine
levothyroxine (T4) = levothyroxine
dexmedetomidine 400mcg/100ml NS Drip = dexmedetomidine
FAT EMULSION 20 % = fat emulsion
ALBUMIN HUMAN 5 % = albumin human
sacubitril 97 MG / valsartan 103 MG Oral Tablet = sacubitril, valsartan
valproate sodium 500 mg = valproic acid
sodium valproate = valproic acid
nitroprusside sodium = nitroprusside
sodium ferric gluconate complex = ferric gluconate
magnesium oxide 400 mg = magnesium oxide
Mag-Ox 400 = magnesium oxide
bisoprolol-hctz = bisoprolol, hydrochlorothiazide
carbidopa-levodopa 25-100 = carbidopa, levodopa
emtricitabine-tenofovir = emtricitabine, tenofovir
buprenorphine-naloxone = buprenorphine, naloxone
aspirin-dipyridamole = aspirin, dipyridamole
ezetimibe/simvastatin = ezetimibe, simvastatin
polyethylene glycol 3350 17 gram = polyethylene glycol 3350
K-Dur 20 = potassium chloride
Norinyl 1+50 28 Day Pack = mestranol, norethindrone
NuvaRing 0.12/0.015 MG per 24HR 21 Day Vaginal System = ethinyl estradiol, etonogestrel
Acetaminophen 21.7 MG/ML / Dextromethorphan Hydrobromide 1 MG/ML / doxylamine succinate 0.417 MG/ML Oral Solution = acetaminophen, dextromethorphan, doxylamine
INSULIN NPH ISOPHANE & REGULAR (70-30) 100 UNIT/ML SC SUSP = insulin isophane, insulin regular
LEVONORGESTREL-ETHINYL ESTRAD 0.15-30 MG-MCG = ethinyl estradiol, levonorgestrel
NEOMYCIN-POLYMYXIN-HC OTIC = hydrocortisone, neomycin, polymyxin b
CHLORDIAZEPOXIDE-CLIDINIUM = chlordiazepoxide, clidinium
AMPICILLIN & SULBACTAM SODIUM 3 GM = ampicillin, sulbactam
LIDOCAINE (XYLOCAINE) 1 % WITH EPINEPHRINE = epinephrine, lidocaine
TRAMADOL-ACETAMINOPHEN = acetaminophen, tramadol
0.9 % NaCl with KCl 40 mEq/L = potassium chloride, sodium chloride
ASPIRIN/ACETAMINOPHEN/CAFFEINE 250-250-65 MG PO TABS = acetaminophen, aspirin, caffeine
TYLENOL PM = acetaminophen, diphenhydramine
MSO4 2 MG IV = morphine
NA BICARB 8.4% = sodium bicarbonate
DIGOXIN IMMUNE FAB = digoxin immune fab
ISOSORBIDE 30 MG =
ENSURE =
Little Pink Pill for water retention =
XYZMAB 10 MG =
ZZTHACIN CALCIUM 40 MG =
ZZTHACIN SODIUM =
ZZTHACIN-METFORMIN 50-500 =
PATIENT OWN MEDICATION =
PHARMACY TO DOSE =
HEPATITIS PANEL =
UNKNOWN TAB 5 MG =
`

func TestDrugPrecision(t *testing.T) {
	x := load(t)
	n := 0
	for line := range strings.Lines(strings.TrimSpace(precision)) {
		text, want, ok := strings.Cut(strings.TrimRight(line, "\n"), " =")
		if !ok {
			t.Fatalf("bad line %q", line)
		}
		n++
		for _, codes := range [][]record.Code{nil, {{System: record.RxNorm, Value: "999999999", Display: text}}} {
			d := x.Drug(codes, text)
			var names []string
			for _, i := range d.Ingredients {
				names = append(names, i.Name)
			}
			if got := strings.Join(names, ", "); got != strings.TrimSpace(want) {
				t.Errorf("%q (%d codes): got %q, want %q", text, len(codes), got, strings.TrimSpace(want))
			}
			if d.Mapped != (len(names) > 0) || d.Concept.Zero() {
				t.Errorf("%q: mapped %v, concept %v", text, d.Mapped, d.Concept)
			}
			if back := x.DrugOfConcept(d.Concept); back.Mapped != d.Mapped || !back.Concept.Is(d.Concept) {
				t.Errorf("%q: the way back from %v gives %v", text, d.Concept, back.Concept)
			}
		}
	}
	t.Logf("%d texts", n)
	if n < 150 {
		t.Errorf("%d texts, want at least 150", n)
	}
}
