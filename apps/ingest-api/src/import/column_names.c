/* SPDX-License-Identifier: Apache-2.0 */
#include "import/column_names.h"
#include "base/ascii.h"
#include "base/utf8.h"

#include <string.h>

/*
 * For each field the names that exports and people use, as keys (column_names.h), in order of preference. `name` alone
 * is not among them: it may be a full name, a company or a last name.
 */
static const char *const known[PROSPECT_FIELDS] = {
    [PROSPECT_EMAIL] = " emailaddress primaryemail email1 workemail businessemail contactemail mail mailaddress "
                       "emailaddr emailid useremail personemail emailwork emailbusiness directemail "
                       "professionalemail companyemail personalemail homeemail emailhome emailpersonal courriel "
                       "adressemail adresseemail adressecourriel adresseelectronique adressedemessagerie "
                       "emailadresse mailadresse emailprofessionnel correo correoelectronico direccionemail "
                       "direccioncorreo direcciondecorreo direcciondecorreoelectronico indirizzoemail indirizzomail "
                       "postaelettronica enderecoemail enderecodeemail correioeletronico mailadres emailadres epost "
                       "epostadresse epostadress eposta epostaadresi sahkoposti sahkopostiosoite adresemail "
                       "adresmail emailovaadresa elektronickaposta emailcim drotposta emailcime adresadeemail почта "
                       "электроннаяпочта элпочта адресэлектроннойпочты имейл емейл email2 email2address email2value "
                       "secondaryemail otheremail alternateemail メール メールアドレス eメール 電子メール 邮箱 "
                       "电子邮件 电子邮箱 邮件地址 이메일 이메일주소 "
                       "ηλεκτρονικοταχυδρομειο ηλεκτρονικηδιευθυνση ",
    [PROSPECT_FIRST_NAME] =
        " givenname forename firstnames givennames fname first christianname vorname rufname prenom "
        "prenoms nombre nombres primernombre nome nomeproprio voornaam roepnaam fornamn "
        "fornavn etunimi imie jmeno krestnijmeno meno krstnemeno keresztnev utonev prenume ime adi "
        "isim имя ονομα όνομα 名 名前 名字 이름 firstnameen імя ",
    [PROSPECT_LAST_NAME] =
        " surname familyname lname last secondname nachname familienname zuname nom nomdefamille "
        "nomfamille apellido apellidos primerapellido cognome sobrenome apelido ultimonome achternaam "
        "familienaam efternamn efternavn etternavn sukunimi nazwisko prijmeni priezvisko vezeteknev "
        "csaladnev nume numedefamilie prezime soyad soyadi soyisim фамилия прізвище επωνυμο επώνυμο 姓 "
        "姓氏 성 ",
    [PROSPECT_COMPANY] = " companyname organization organisation organizationname organisationname "
                         "companyororganization accountname companyaccount employer employername currentcompany "
                         "primaryassociatedcompany associatedcompany organizationcompany businessname firm firmname "
                         "firma firmenname firmaname unternehmen unternehmensname organisationorganization societe "
                         "nomdelasociete nomsociete nomdesociete entreprise nomdelentreprise nomentreprise "
                         "raisonsociale compagnie empresa nombreempresa nombredelaempresa nombredeempresa compania "
                         "organizacion azienda nomeazienda societa ragionesociale organizzazione nomedaempresa "
                         "organizacao bedrijf bedrijfsnaam organisatie foretag foretagsnamn virksomhed virksomhedsnavn "
                         "bedrift firmanavn selskap yritys yrityksennimi nazwafirmy przedsiebiorstwo spolecnost "
                         "nazevspolecnosti nazevfirmy spolocnost ceg cegnev vallalat companie tvrtka poduzece podjetje "
                         "sirket sirketadi kurum компания организация названиекомпании фирма компанія εταιρεια "
                         "εταιρεία 会社 会社名 勤務先 公司 公司名称 회사 회사명 ",
    [PROSPECT_TITLE] =
        " jobtitle position positiontitle jobposition jobrole organizationtitle occupation designation "
        "currentposition currenttitle roletitle professionaltitle berufsbezeichnung "
        "stellenbezeichnung funktion stellung beruf positionsbezeichnung poste fonction "
        "intituleduposte intitulepost titreduposte titreposte cargo puesto puestodetrabajo "
        "titulodelpuesto qualifica ruolo posizione titololavorativo mansione funcao functie "
        "functietitel functienaam befattning yrkestitel stilling stillingsbetegnelse jobtitel titteli "
        "nimike tehtavanimike stanowisko pozice funkce pracovnipozice pozicia beosztas munkakor "
        "functia radnomjesto unvan pozisyon gorev должность посада θεση θέση 役職 職位 职位 职务 직책 직위 ",
    [PROSPECT_PHONE] = " phonenumber telephone telephonenumber tel telno phoneno phone1 primaryphone businessphone "
                       "workphone officephone mainphone directphone businessphone1 contactphone workdirectphone "
                       "directphonenumber phonework corporatephone companyphone mobilephone mobile mobilenumber cell "
                       "cellphone cellphonenumber phonemobile mobilephonenumber homephone phonehome telefon "
                       "telefonnummer telefonnr telefonnum rufnummer telefongeschaftlich telefonprivat telefonmobil "
                       "handy handynummer mobil mobilnummer mobiltelefon numerodetelephone numerotelephone "
                       "telephoneprofessionnel telephoneportable telephonemobile portable telefono numerodetelefono "
                       "telefonomovil movil celular telefonocelular numerotelefono numeroditelefono cellulare "
                       "telefonocellulare telefone numerodetelefone telemovel telefonecelular telefoon "
                       "telefoonnummer mobiel mobielnummer mobilnr puhelin puhelinnumero matkapuhelin numertelefonu "
                       "telefonkomorkowy komorka telefonicislo telefonnicislo mobilnitelefon telefonnecislo "
                       "telefonszam telefonnumar numardetelefon brojtelefona telefonska telefonnumarasi ceptelefonu "
                       "телефон номертелефона мобильныйтелефон τηλεφωνο τηλέφωνο 電話 電話番号 携帯電話 电话 电话号码 "
                       "手机 手机号 전화 전화번호 "
                       "휴대폰 ",
    [PROSPECT_WEBSITE] = " websiteurl webpage webpage1 homepage homepageurl web webaddress websiteaddress "
                         "companywebsite companyurl companywebsiteurl organizationwebsite weburl www site siteurl "
                         "siteweb siteinternet adressesiteweb sitioweb paginaweb sitoweb sitointernet webseite "
                         "webadresse internetseite internetadresse internet nettside nettsted hjemmeside hemsida "
                         "webbplats webbsida webbsajt webwinkel kotisivu verkkosivu strona stronawww stronainternetowa "
                         "webovastranka webovestranky webstranky honlap weboldal internetsayfasi websitesi webstranica "
                         "сайт вебсайт ιστοσελιδα ιστοσελίδα ウェブサイト ホームページ 网站 网址 웹사이트 홈페이지 ",
    [PROSPECT_COUNTRY] = " countryregion countryname countryorregion countryregionname mailingcountry billingcountry "
                         "addresscountry address1country businesscountry businesscountryregion workcountry homecountry "
                         "homecountryregion personcountry personscountry organizationcountry companycountry "
                         "shippingcountry othercountry locationcountry nation land landregion pays paysregion "
                         "pais paisregion paese nazione nazionale landen maa kraj zeme krajina orszag tara "
                         "drzava zemlja ulke страна країна χωρα χώρα 国 国名 国家 국가 나라 countrycode ",
};

/* Words that qualify a field without changing its meaning: Contact Email, Email [Required], Telefon geschäftlich. */
static const char *const before[] = {"contacts",   "contact",   "person",   "prospect", "lead",    "customer",
                                     "subscriber", "recipient", "attendee", "member",   "user",    "primary",
                                     "main",       "work",      "business", "office",   "default", "home",
                                     "personal",   "private",   "mobile",   "direct",   "your"};
static const char *const behind[] = {"required",     "optional", "value",  "work",     "business",
                                     "office",       "primary",  "main",   "home",     "mobile",
                                     "geschaftlich", "privat",   "bureau", "domicile", "professionnel",
                                     "deltrabajo",   "trabajo",  "lavoro", "zakelijk"};

/* U+00C0 … U+017F without diacritics; "" has none. */
static const char *const latin[] = {
    "a", "a", "a",  "a", "a", "a", "ae", "c",  "e", "e", "e",  "e",  "i", "i", "i",  "i",  "d", "n", "o",  "o",
    "o", "o", "o",  "",  "o", "u", "u",  "u",  "u", "y", "th", "ss", "a", "a", "a",  "a",  "a", "a", "ae", "c",
    "e", "e", "e",  "e", "i", "i", "i",  "i",  "d", "n", "o",  "o",  "o", "o", "o",  "",   "o", "u", "u",  "u",
    "u", "y", "th", "y", "a", "a", "a",  "a",  "a", "a", "c",  "c",  "c", "c", "c",  "c",  "c", "c", "d",  "d",
    "d", "d", "e",  "e", "e", "e", "e",  "e",  "e", "e", "e",  "e",  "g", "g", "g",  "g",  "g", "g", "g",  "g",
    "h", "h", "h",  "h", "i", "i", "i",  "i",  "i", "i", "i",  "i",  "i", "i", "ij", "ij", "j", "j", "k",  "k",
    "k", "l", "l",  "l", "l", "l", "l",  "l",  "l", "l", "l",  "n",  "n", "n", "n",  "n",  "n", "n", "n",  "n",
    "o", "o", "o",  "o", "o", "o", "oe", "oe", "r", "r", "r",  "r",  "r", "r", "s",  "s",  "s", "s", "s",  "s",
    "s", "s", "t",  "t", "t", "t", "t",  "t",  "u", "u", "u",  "u",  "u", "u", "u",  "u",  "u", "u", "u",  "u",
    "w", "w", "y",  "y", "y", "z", "z",  "z",  "z", "z", "z",  "s",
};
_Static_assert(sizeof(latin) / sizeof(latin[0]) == 0x180 - 0xc0, "a letter each");

#define KEY_MAX 96 /* bytes; every known name is shorter */

/* Append to a key. @return false: the key is too long. */
static bool add(char *key, size_t *n, const char *text, size_t length)
{
    if (*n + length > KEY_MAX)
        return false;
    memcpy(key + *n, text, length);
    *n += length;
    return true;
}

/* Make a name's key, with a blank on either side to find it as a whole word. @return false: too long or empty. */
static bool make_key(const char *name, size_t length, char key[KEY_MAX + 3])
{
    size_t n = 0, step;
    bool fits = true;

    for (size_t i = 0; i < length && fits; i += step) {
        char c = ascii_lower(name[i]);
        step = utf8_sequence(name + i, length - i);
        if (step <= 1) {
            step = 1;
            if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
                fits = add(key + 1, &n, &c, 1);
            continue;
        }
        unsigned point = step == 2 ? ((unsigned char)c & 0x1fu) << 6 | ((unsigned char)name[i + 1] & 0x3fu) : 0x800;
        if (point >= 0xc0 && point < 0x180)
            fits = add(key + 1, &n, latin[point - 0xc0], strlen(latin[point - 0xc0]));
        else if ((point < 0x300 || point >= 0x370) &&
                 utf8_blank(name + i, length - i) == 0) /* not a combining mark or a blank */
            fits = add(key + 1, &n, name + i, step);
    }
    key[0] = key[n + 1] = ' ';
    key[n + 2] = '\0';
    return fits && n > 0;
}

/* The field that has this key among its known names. */
static int look_up(const char *key, unsigned *rank)
{
    for (int i = 0; i < PROSPECT_FIELDS; i++) {
        const char *at = strstr(known[i], key);
        if (at) {
            *rank = COLUMN_KNOWN + (unsigned)(at - known[i]);
            return i;
        }
    }
    return -1;
}

/* The field whose own name has this key: that of first_name is firstname. */
static int look_up_own(const char *key)
{
    for (int i = 0; i < PROSPECT_FIELDS; i++) {
        const char *a = key + 1, *b = prospect_field_names[i];
        for (; *b && (*a == *b || *b == '_'); b++)
            a += *b != '_';
        if (!*b && *a == ' ')
            return i;
    }
    return -1;
}

/* Remove numbers and qualifying words. @return whether there were any. */
static bool reduce(char *key)
{
    size_t n = strlen(key) - 2, all = n;
    char *word = key + 1, *to = word;

    for (size_t i = 0; i < n; i++) /* drop the 1 of "E-mail 1 - Value"; "E-mail 2" is another field */
        if (word[i] != '1')
            *to++ = word[i];
    n = (size_t)(to - word);
    for (size_t i = 0; i < sizeof(behind) / sizeof(behind[0]); i++) {
        size_t length = strlen(behind[i]);
        if (n > length && memcmp(word + n - length, behind[i], length) == 0)
            n -= length;
    }
    for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
        size_t length = strlen(before[i]);
        if (n > length && memcmp(word, before[i], length) == 0) {
            n -= length;
            memmove(word, word + length, n);
        }
    }
    memcpy(word + n, " ", 2);
    return n < all;
}

static int look_up_exact(const char *name, size_t length)
{
    for (int i = 0; i < PROSPECT_FIELDS; i++)
        if (strlen(prospect_field_names[i]) == length && memcmp(prospect_field_names[i], name, length) == 0)
            return i;
    return -1;
}

int column_name_own(const char *name, size_t length, unsigned *rank)
{
    char key[KEY_MAX + 3];
    int field = look_up_exact(name, length);

    *rank = field >= 0 ? COLUMN_EXACT : COLUMN_ALIKE;
    return field < 0 && make_key(name, length, key) ? look_up_own(key) : field;
}

int column_name_field(const char *name, size_t length, unsigned *rank)
{
    char key[KEY_MAX + 3];
    int field = look_up_exact(name, length);

    *rank = COLUMN_EXACT;
    if (field >= 0 || !make_key(name, length, key))
        return field;
    for (unsigned reduced = 0; reduced < 2; reduced++) {
        *rank = COLUMN_ALIKE + reduced * COLUMN_REDUCED;
        if ((field = look_up_own(key)) >= 0)
            return field;
        if ((field = look_up(key, rank)) >= 0) {
            *rank += reduced * COLUMN_REDUCED;
            return field;
        }
        if (reduced || !reduce(key))
            break;
    }
    return -1;
}
