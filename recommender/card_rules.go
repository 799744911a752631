package recommender

// RulesCard is the card of the safety rules: the source attributes that an evidence-based
// decision support intervention has to show in the United States (45 CFR
// 170.315(b)(11)(iv)(A), HTI-1), in its order. version is that of the rules.
func RulesCard(version string) Card {
	unused := "Not read by any rule."
	return Card{Name: "safety-rules", Version: version, Parts: []Part{{"Safety rules", []Attribute{
		{"Bibliographic citation", "Each rule names its own source, which stands in every finding: the ONC list of high-priority drug interactions (Phansalkar et al., J Am Med Inform Assoc 2012;19:735), prescribing information on file with the FDA, the FDA's table of substrates, inhibitors and inducers. A site may replace any table by its own."},
		{"Developer", "Ember; members of the rules need review by a pharmacist of the organisation that deploys them before clinical use."},
		{"Funding of the technical implementation", siteSays},
		{"Release and revision", "Version " + version + ", a hash over all tables of rules and terms in use; it changes with any of them."},
		{"Race", unused},
		{"Ethnicity", unused},
		{"Language", unused},
		{"Sexual orientation", unused},
		{"Gender identity", unused},
		{"Sex", "Read for the estimated glomerular filtration rate (CKD-EPI 2021) where none is on record. Pregnancy is read from conditions on record."},
		{"Date of birth", "Read for the estimated glomerular filtration rate where none is on record."},
		{"Social determinants of health", unused},
		{"Health status assessments", unused},
	}}}}
}
