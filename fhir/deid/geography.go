package deid

// restricted are the three-digit ZIP codes with 20,000 people or fewer, which 45 CFR
// 164.514(b)(2)(i)(B) has changed to 000: the 17 that the Guidance Regarding Methods for
// De-identification of Protected Health Information (Office for Civil Rights, 26
// November 2012) lists from the Census of 2000.
const restricted = " 036 059 063 102 203 556 692 790 821 823 830 831 878 879 884 890 893 "

// states are what may stand in Address.state: the states, the district and territories
// of the United States by the Postal Service's abbreviations and by name.
const states = "|AL|AK|AZ|AR|CA|CO|CT|DE|DC|FL|GA|HI|ID|IL|IN|IA|KS|KY|LA|ME|MD|MA|MI|MN|MS|MO|MT|NE|NV|NH|NJ|NM|NY|NC|ND|OH|OK|OR|PA|RI|SC|SD|TN|TX|UT|VT|VA|WA|WV|WI|WY|AS|GU|MP|PR|VI" +
	"|Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware|District of Columbia|Florida|Georgia|Hawaii|Idaho|Illinois|Indiana|Iowa|Kansas|Kentucky|Louisiana|Maine|Maryland|Massachusetts|Michigan|Minnesota|Mississippi|Missouri|Montana|Nebraska|Nevada|New Hampshire|New Jersey|New Mexico|New York|North Carolina|North Dakota|Ohio|Oklahoma|Oregon|Pennsylvania|Rhode Island|South Carolina|South Dakota|Tennessee|Texas|Utah|Vermont|Virginia|Washington|West Virginia|Wisconsin|Wyoming|American Samoa|Guam|Northern Mariana Islands|Puerto Rico|Virgin Islands|"

// american are the names of the United States that are understood.
const american = "|US|USA|United States|United States of America|"
