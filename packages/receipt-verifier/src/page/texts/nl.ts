// De woorden van de pagina in het Nederlands, behalve die van het oordeel: the words of the page in Dutch.
import type { Texts } from './en.ts';

export const nl: Texts = {
  title: 'Controleer het bewijs van verwijderingen',
  skip: 'Naar de controle',
  about:
    'Deze pagina controleert of opnamen op tijd zijn verwijderd en of geen verwijderingsbewijs is weggehaald of gewijzigd. Ze werkt zonder netwerk: uw bestanden verlaten deze computer niet. U kunt bestanden overal op de pagina neerzetten.',
  languageLabel: 'Taal',
  proofTitle: '1. Wat u wilt controleren',
  proofLabel: 'Bewijsbestand',
  proofHint:
    'Het JSON-bestand dat uw organisatie van de opnamedienst heeft gekregen: een volledig bewijs, het bewijs van één verwijdering, de stap tussen twee controlepunten, of een antwoord met verwijderingsbewijzen.',
  tenantLabel: 'De naam van uw organisatie in de dienst (tenant)',
  tenantHint: 'Niet verplicht. Vult u een naam in, dan wordt het bewijs van een andere organisatie geweigerd.',
  keysTitle: '2. De sleutels van de dienst',
  keysFileLabel: 'Bestand met openbare sleutels',
  keysTextLabel: 'Of plak de sleutels',
  keysHint:
    'Een bestand zoals jwks.json. Haal het uit een andere bron dan het bewijs: eerder, of van het adres dat de dienst bekendmaakt.',
  trustLabel: 'Ik heb geen sleutels. Gebruik die uit het bewijs. Dan blijkt alleen dat het bestand in zichzelf klopt.',
  checkpointsTitle: '3. Wat u hebt bewaard',
  checkpointsFileLabel: 'Bestanden met controlepunten of verwijderingsbewijzen',
  checkpointsTextLabel: 'Of plak controlepunten of verwijderingsbewijzen',
  checkpointsHint:
    'Controlepunten (ondertekende notities), webhooks of rapporten waarin er een zat, en antwoorden met verwijderingsbewijzen. Zonder controlepunt kan deze pagina niet zien of een oud logboek een nieuwer heeft vervangen.',
  check: 'Controleren',
  progressLabel: 'Tot nu toe gecontroleerd',
  progress: (done, steps) => `${done} van ${steps} regels en verwijderingsbewijzen`,
  print: 'Afdrukken of als PDF bewaren',
  detailsTitle: 'Gegevens',
  detailFile: 'Bestand',
  detailHash: 'SHA-256 van het bestand',
  detailSize: 'Regels in het logboek',
  detailRoot: 'Hoofdhash van het logboek',
  detailReceipts: 'Verwijderingsbewijzen met een geldige handtekening',
  detailHeld: 'Uw eigen controlepunten',
  detailKeys: 'Sleutels (RFC 7638-vingerafdrukken)',
  detailChecked: 'Gecontroleerd op',
  chosen: (name, what) => `${name}: ${what}`,
  noProof: 'Kies eerst het bewijsbestand.',
  noKeys: 'Voeg de sleutels van de dienst toe, of kruis aan dat u ze niet hebt.',
  unreadable: (name, why) => `${name} is niet te gebruiken: ${why}.`,
  otherKind: (name, what, advice) => `${name} is ${what}. ${advice}`,
  advice: {
    proof: 'Kies het bij 1.',
    receipt: 'Kies het bij 1.',
    unplaced: 'Kies het bij 1, of bij 3 om er een volledig bewijs mee te vergelijken.',
    step: 'Kies het bij 1.',
    keys: 'Kies het bij 2.',
    kept: 'Kies het bij 3.',
    page: 'Kopieer het controlepunt eruit, en plak het bij 3.',
  },
  keysTwice: 'Voeg de sleutels maar één keer toe: als bestand, geplakt, of uit het bewijs.',
  nothingCompared:
    'Eén verwijderingsbewijs wordt niet vergeleken met wat bij 3 staat. Laat 3 leeg, of kies een volledig bewijs bij 1 en het verwijderingsbewijs bij 3.',
  noNewer: 'In de stap zit geen nieuwer controlepunt. Haal de stap opnieuw op bij de dienst, die er een aan toevoegt.',
  oneCheckpoint: 'Voeg bij 3 één controlepunt toe: het oudere, waar de stap begint. Het nieuwere zit in de stap.',
  noEd25519:
    'Deze browser kan geen Ed25519-handtekeningen controleren, en dus ook geen bewijs. Gebruik een nieuwere browser (Chrome of Edge 137, Firefox 130, Safari 17, of later), of de opdracht receipt-verifier.',
  pastedKeys: 'De geplakte sleutels',
  pastedCheckpoints: 'De tekst die bij 3 is geplakt',
  keysOfProof: 'De sleutels uit het bewijs zelf',
};
