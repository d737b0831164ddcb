// De woorden van de opdracht en van de pagina in het Nederlands: the words of the command and of the page in Dutch.
import type { Words } from './en.ts';

export const nl: Words = {
  locale: 'nl-NL',
  holds: 'Het bewijs klopt.',
  late: 'Het bewijs is echt. Het laat zien dat niet alles op tijd is verwijderd.',
  fails: 'Het bewijs klopt niet.',
  whose: (tenant, madeAt) => `Organisatie ${tenant}. Het bestand is volgens zijn eigen opgave gemaakt op ${madeAt}.`,
  notAProof: 'Het bestand is niet als bewijs te lezen.',
  checkedTitle: 'Wat is gecontroleerd',
  notCheckedTitle: 'Wat niet kon worden gecontroleerd',
  closestTitle: 'De verwijdering die het dichtst bij haar termijn kwam',
  latestTitle: 'De verwijdering die het verst over haar termijn ging',
  findingsTitle: 'Wat is gevonden',

  askedLog: (entries) =>
    `Is het logboek (${entries}) precies zoals de dienst het heeft ondertekend, zonder dat er iets is gewijzigd, weggehaald, ingevoegd of verplaatst?`,
  askedHeld: (checkpoints, entries) =>
    `Komt het logboek overeen met ${checkpoints} uit uw bezit? Het nieuwste gaat over ${entries}.`,
  askedKept: (receipts) =>
    `Bevat het bewijs elk verwijderingsbewijs dat u hebt bewaard, of waarvan een webhook de hash noemde (${receipts})?`,
  askedReceipts: (receipts) =>
    `Zijn alle verwijderingsbewijzen door de dienst ondertekend, van deze organisatie, en opgenomen in het logboek (behalve als ze te nieuw zijn)? Geldige handtekeningen: ${receipts}.`,
  askedSignatures: (receipts) =>
    `Zijn alle verwijderingsbewijzen door de dienst ondertekend, en van deze organisatie? Geldige handtekeningen: ${receipts}.`,
  askedComplete: 'Staat elk verwijderingsbewijs dat nog bewaard moet worden in het bestand?',
  askedDeadlines: 'Is elke opname met een verwijderingsbewijs vóór haar termijn verwijderd?',
  askedSignedDeadlines:
    'Is elke opname waarvan het verwijderingsbewijs een geldige handtekening heeft, vóór haar termijn verwijderd?',
  answered: (question, isSo) => `${question} ${isSo ? 'Ja.' : 'Nee.'}`,

  noLog:
    'Of er een verwijderingsbewijs is weggehaald. Er is nog geen ondertekend logboek. Alleen de handtekeningen konden worden gecontroleerd, en hoeveel bewijzen er zijn, zegt alleen het bestand.',
  notHeld:
    'Of dit het nieuwste logboek is, en of het in zijn geheel is herschreven. Bewaar de controlepunten die de dienst met webhooks en rapporten meestuurt, en vergelijk het volgende bewijs daarmee.',
  heldUnsigned: (receipts) => `Wat er is gebeurd met ${receipts} zonder handtekening uit uw bezit.`,
  notCovered: (entries) =>
    `Of het einde van het logboek (${entries}) is herschreven. Dat deel is nieuwer dan uw nieuwste controlepunt.`,
  keysFromFile:
    'Wie het bewijs heeft ondertekend. De sleutels kwamen met het bewijs mee, dus wie het bewijs maakte, kan ook de sleutels hebben gemaakt. Haal ze langs een andere weg op en controleer opnieuw.',
  since: (age) => `Wat er is gebeurd nadat het bestand is gemaakt. Dat was volgens zijn eigen opgave ${age} geleden.`,
  expired: (receipts) =>
    `De inhoud van verlopen verwijderingsbewijzen (${receipts}). Ze worden niet meer bewaard; alleen hun plaats in het logboek is gecontroleerd.`,
  replaced: (receipts) =>
    `De inhoud van vervangen verwijderingsbewijzen (${receipts}). Voor elk is een ander van dezelfde opname in de plaats gekomen; alleen hun plaats in het logboek is gecontroleerd.`,
  notYetLogged: (receipts) =>
    `De plaats in het logboek van de nieuwste verwijderingsbewijzen (${receipts}). Ze zijn te nieuw om er een te hebben. Elke handtekening is geldig.`,
  beyond:
    'Of er opnamen waren waarvan de dienst niets wist, en of iemand een opname vóór de verwijdering heeft gekopieerd. Dat kan geen verwijderingsbewijs laten zien.',

  before: (recording, deletedAt, lead, deadline) =>
    `Opname ${recording} is verwijderd op ${deletedAt}, ${lead} vóór de termijn van ${deadline}.`,
  after: (recording, deletedAt, lead, deadline) =>
    `Opname ${recording} is verwijderd op ${deletedAt}, ${lead} na de termijn van ${deadline}.`,
  noneDeleted: 'Het bestand bevat geen verwijderingsbewijs met een geldige handtekening.',
  found: (problem, count) => `${problem} (${count})`,
  more: (count) => `en nog ${count}`,
  newKey:
    'Misschien heeft de dienst zijn sleutel vervangen. Haal de openbare sleutels opnieuw op, en controleer ze langs een andere weg.',

  receiptHolds: 'Het verwijderingsbewijs klopt.',
  receiptLate: 'Het verwijderingsbewijs is echt. Het laat zien dat de verwijdering te laat kwam.',
  receiptFails: 'Het verwijderingsbewijs klopt niet.',
  receiptSigned: 'De dienst heeft het ondertekend.',
  receiptOf: (tenant, exam, attempt) => `Organisatie ${tenant}, examen ${exam}, poging ${attempt}.`,
  receiptInLog: 'Het staat in het logboek dat de dienst heeft ondertekend.',
  receiptWaiting: 'Het is nog te nieuw om in het logboek te staan. Vraag over twee dagen opnieuw om het bewijs.',
  receiptNotInLog: 'Het bestand toont niet aan dat het in het logboek staat dat de dienst heeft ondertekend.',
  oneReceipt: {
    signed: 'De dienst heeft het verwijderingsbewijs ondertekend.',
    late: 'Het verwijderingsbewijs is echt. Het laat zien dat de verwijdering te laat kwam.',
    fail: 'Het verwijderingsbewijs klopt niet.',
    notInLog:
      'Of het in het logboek staat. Het bewijs van deze ene verwijdering (receipt proof) laat dat zien. Een volledig bewijs ook, als u dit bestand toevoegt als iets wat u hebt bewaard.',
  },
  severalReceipts: {
    signed: 'De dienst heeft alle verwijderingsbewijzen ondertekend.',
    late: 'De verwijderingsbewijzen zijn echt. Ze laten zien dat niet alles op tijd is verwijderd.',
    fail: 'Niet alle verwijderingsbewijzen kloppen.',
    notInLog:
      'Of ze in het logboek staan. Het bewijs van elke verwijdering (receipt proof) laat dat zien. Een volledig bewijs ook, als u dit bestand toevoegt als iets wat u hebt bewaard.',
  },
  receiptsSigned: (signed, receipts, tenants) =>
    `Geldige handtekeningen: ${signed} van ${receipts}. Organisatie ${tenants}.`,
  deletionTitle: 'De verwijdering',
  beyondReceipt:
    'Of andere verwijderingsbewijzen zijn weggehaald of gewijzigd, en of het logboek overeenkomt met controlepunten uit uw bezit. Dat laat een volledig bewijs zien.',
  consistencyHolds: 'Het nieuwere controlepunt klopt.',
  consistencyFails: 'Het nieuwere controlepunt klopt niet.',
  consistencyOf: (tenant, older, newer) => `Het logboek van organisatie ${tenant}, van ${older} naar ${newer}.`,
  onlyAddedTo: 'Begint het nieuwere logboek met het hele oudere logboek, en is er daarna alleen aan toegevoegd? Ja.',
  beyondStep: 'Wat er in de regels staat, en of hun verwijderingsbewijzen bestaan. Dat laat een volledig bewijs zien.',
  steps: {
    'not-shown': (older, newer, size) =>
      `De stap toont niet aan dat het logboek van ${newer} begint met het logboek van ${older}. Is de stap voor een andere grootte gemaakt, vraag dan die met size=${size} op.`,
    'other-sizes': (older, newer, size) =>
      `De stap is voor andere groottes gemaakt: de hashes leiden niet van ${older} naar ${newer}. Vraag de stap met size=${size} op.`,
    backwards: (older, newer) =>
      `Het controlepunt dat het oudere moet zijn, heeft ${older}, het nieuwere ${newer}. Misschien zijn ze verwisseld.`,
  },

  kinds: {
    proof: 'een volledig bewijs',
    receipt: 'één verwijderingsbewijs, met zijn plaats in het logboek',
    unplaced: 'een of meer verwijderingsbewijzen zonder hun plaats in het logboek',
    step: 'een stap tussen twee controlepunten',
    keys: 'een set sleutels',
    kept: 'een controlepunt, of iets waar er een in zat',
    page: 'een pagina om te lezen (HTML of PDF)',
    unknown: 'een bestand van een andere soort',
  },
  entry: ['regel', 'regels'],
  receipt: ['verwijderingsbewijs', 'verwijderingsbewijzen'],
  checkpoint: ['controlepunt', 'controlepunten'],
  details: {
    entry: (place) => `regel ${place}`,
    entries: (count) => `${count} regels`,
    twoEntries: (one, other) => `regel ${one} en regel ${other}`,
    keptUntil: (place, day) => `regel ${place}, te bewaren tot en met ${day}`,
    sizes: (entries, size) => `${entries} regels, en het controlepunt heeft er ${size}`,
    otherHash: (entries) => `${entries} regels, zoals het controlepunt zegt, maar met een andere hash`,
    newer: (deletedAt, madeAt) =>
      `van een verwijdering op ${deletedAt}, en het bestand is gemaakt op ${madeAt}: het kan nieuwer zijn dan het bestand. Haal een nieuw bewijs op`,
    ifNewer: (madeAt) =>
      `als het nieuwer is dan het bestand, dat is gemaakt op ${madeAt}, haal dan een nieuw bewijs op`,
    ofOther: (tenant) => `het is van organisatie ${tenant}`,
    checkpointOf: (size) => `een controlepunt van ${size} regels`,
    late: (recording, seconds) => `${recording}, ${seconds} s te laat`,
    lateEntry: (place, seconds) => `regel ${place}, ${seconds} s te laat`,
    receiptAt: (number) => `verwijderingsbewijs ${number} van het bestand`,

    noJws: () => 'dit is geen JWS',
    jwsOfOther: () => 'dit is geen JWS van een verwijderingsbewijs',
    unknownKey: () => 'het is ondertekend met een sleutel die niet bij de gegeven sleutels zit',
    receiptNotSigned: () => 'de handtekening hoort niet bij dit verwijderingsbewijs',
    noReceipt: () => 'de ondertekende tekst is geen verwijderingsbewijs',

    noteTooLong: () => 'dit is geen controlepunt: het is te lang, of geen tekst',
    noteWithoutSignature: () => 'dit is geen controlepunt: het heeft geen handtekening',
    noteWithoutLines: () => 'dit is geen controlepunt: het zijn geen drie regels met een naam, een grootte en een hash',
    noteUnreadable: () => 'dit is geen controlepunt: een regel met een handtekening is niet te lezen',
    noteWithoutHash: () => 'dit is geen controlepunt: de hash is niet te lezen',
    otherLog: (found, expected) => `het controlepunt is van het logboek ${found}, niet van ${expected}`,
    noteOfUnknownKey: () => 'het controlepunt is ondertekend met een sleutel die niet bij de gegeven sleutels zit',
    noteNotSigned: () => 'geen van de gegeven sleutels heeft het controlepunt ondertekend',

    fileNoObject: () => 'het bestand is geen object',
    noObject: (name) => `"${name}" is geen object`,
    noText: (name) => `"${name}" is geen tekst`,
    noTime: (name) => `"${name}" is geen tijdstip`,
    noNumber: (name) => `"${name}" is geen getal`,
    noList: (name) => `"${name}" is geen lijst`,
    listTooLong: (name, most) => `"${name}" heeft meer dan ${most} onderdelen`,
    itemNoText: (place, name) => `onderdeel ${place} van "${name}" is geen tekst`,
    itemNoHash: (place, name) => `onderdeel ${place} van "${name}" is geen hash`,
    otherVersion: () => 'het is geen bewijs van versie 1',
    noTenant: () => 'er staat geen organisatie in',
    notJson: () => 'dit is geen JSON',
    nothingToCheck: () => 'het is geen bewijs, geen verwijderingsbewijs en geen stap',
    noReceipts: () => 'er zit geen verwijderingsbewijs in',
    nothingKept: () =>
      'de JSON heeft geen controlepunt, geen verwijderingsbewijs, en geen tekst met de naam "receiptHash"',
    noHash: () => 'een "receiptHash" is geen hash',
  },
  problems: {
    'file-malformed': 'het bestand is geen bewijs',
    'file-of-another-tenant': 'het bestand is het bewijs van een andere organisatie',
    'file-from-future': 'het bestand zegt dat het in de toekomst is gemaakt',
    'checkpoint-missing': 'het logboek heeft regels, maar geen controlepunt',
    'checkpoint-not-valid': 'het controlepunt is niet door de dienst voor dit logboek ondertekend',
    'checkpoint-of-unknown-key': 'het controlepunt is ondertekend met een sleutel die niet bij de gegeven sleutels zit',
    'held-checkpoint-of-unknown-key':
      'een controlepunt uit uw bezit is ondertekend met een sleutel die niet bij de gegeven sleutels zit',
    'held-checkpoint-not-valid': 'een controlepunt uit uw bezit is niet door de dienst voor dit logboek ondertekend',
    'log-cut-off': 'het logboek is korter dan een controlepunt uit uw bezit',
    'log-rewritten': 'het logboek begint niet zoals een controlepunt uit uw bezit zegt',
    'held-receipt-missing':
      'een verwijderingsbewijs dat u hebt, of waarvan u de hash hebt, staat niet in het bestand en niet in het logboek',
    'held-receipt-not-valid':
      'een verwijderingsbewijs uit uw bezit is niet door de dienst voor deze organisatie ondertekend',
    'held-receipt-of-unknown-key':
      'een verwijderingsbewijs uit uw bezit is ondertekend met een sleutel die niet bij de gegeven sleutels zit',
    'entries-changed': 'de regels zijn niet die van het controlepunt',
    'entry-unreadable': 'een regel van het logboek is niet te lezen',
    'entry-out-of-time': 'de bewaartijd van een regel was al voorbij voordat de regel in het logboek kwam',
    'receipt-missing': 'bij een regel van het logboek ontbreekt het verwijderingsbewijs, dat nog bewaard moet worden',
    'receipt-not-valid': 'een verwijderingsbewijs is niet door de dienst ondertekend',
    'receipt-of-unknown-key':
      'een verwijderingsbewijs is ondertekend met een sleutel die niet bij de gegeven sleutels zit',
    'receipt-of-another-tenant': 'een verwijderingsbewijs is van een andere organisatie',
    'receipt-not-in-log': 'een verwijderingsbewijs staat niet in het logboek',
    'receipt-contradicts-entry': 'een verwijderingsbewijs en zijn regel spreken elkaar tegen',
    'receipts-disagree': 'een opname heeft twee verwijderingsbewijzen, en geen van beide vervangt het andere',
    'receipt-twice': 'een verwijderingsbewijs is er twee keer',
    'receipt-replaced': 'er is een verwijderingsbewijs dat door een later is vervangen',
    'receipt-from-future': 'een verwijderingsbewijs is van na het moment waarop het bestand is gemaakt',
    'receipt-kept-too-long': 'een verwijderingsbewijs is er nog, hoewel zijn bewaartijd voorbij is',
    'receipt-not-signed': 'een verwijderingsbewijs heeft geen handtekening en bewijst dus niets',
    'receipt-unreadable': 'een verwijderingsbewijs is niet te lezen',
    late: 'een opname is na haar termijn verwijderd',
  },
};
