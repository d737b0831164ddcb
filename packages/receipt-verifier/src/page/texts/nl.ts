// De woorden van de pagina in het Nederlands, behalve die van het oordeel: the words of the page in Dutch.
import type { Texts } from './en.ts';

export const nl: Texts = {
  title: 'Controleer het bewijs van verwijderingen',
  skip: 'Naar de controle',
  about:
    'Deze pagina controleert of opnamen op tijd zijn verwijderd en of geen verwijderingsbewijs is weggehaald of gewijzigd. Ze werkt zonder netwerk: niets van wat u kiest, verlaat deze computer. U kunt bestanden overal op de pagina neerzetten.',
  languageLabel: 'Taal',
  proofTitle: '1. Wat u wilt controleren',
  proofLabel: 'Bewijsbestand',
  proofHint:
    'Het JSON-bestand dat uw organisatie van de opnamedienst heeft gekregen: een volledig bewijs, het bewijs van één verwijdering, de stap tussen twee controlepunten, of een antwoord met verwijderingsbewijzen.',
  tenantLabel: 'De naam van uw organisatie in de dienst (tenant)',
  tenantHint: 'Mag leeg blijven. Anders wordt het bewijs van een andere organisatie geweigerd.',
  keysTitle: '2. De sleutels van de dienst',
  keysFileLabel: 'Bestand met openbare sleutels',
  keysTextLabel: 'Of plak de sleutels',
  keysHint:
    'Een bestand zoals jwks.json, dat u langs een andere weg dan het bewijs hebt gekregen: eerder, of van het adres dat de dienst bekendmaakt.',
  trustLabel:
    'Ik heb geen sleutels. Neem die uit het bewijs; dan blijkt alleen dat het bestand met zichzelf overeenstemt.',
  checkpointsTitle: '3. Wat u hebt bewaard',
  checkpointsFileLabel: 'Bestanden met controlepunten of verwijderingsbewijzen',
  checkpointsTextLabel: 'Of plak controlepunten of verwijderingsbewijzen',
  checkpointsHint:
    'Controlepunten (ondertekende notities), webhooks of rapporten waarin er een zat, en antwoorden met verwijderingsbewijzen. Zonder controlepunt is niet te zien of een oud logboek voor een nieuwer is ingewisseld.',
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
  noKeys: 'Geef de sleutels van de dienst, of geef aan dat u ze niet hebt.',
  unreadable: (name, why) => `${name} is niet te gebruiken: ${why}.`,
  otherKind: (name, what, advice) => `${name} is ${what}. ${advice}`,
  advice: {
    proof: 'Kies het bij 1.',
    receipt: 'Kies het bij 1.',
    unplaced: 'Kies het bij 1, of bij 3 als u er een volledig bewijs mee wilt vergelijken.',
    step: 'Kies het bij 1.',
    keys: 'Kies het bij 2.',
    kept: 'Kies het bij 3.',
    page: 'Kopieer het controlepunt eruit, en plak dat bij 3.',
  },
  keysTwice: 'Geef de sleutels één keer: in een bestand, geplakt, of als die van het bewijs.',
  nothingCompared:
    'Een verwijderingsbewijs alleen wordt niet vergeleken met wat bij 3 staat. Laat dat leeg, of kies een volledig bewijs bij 1 en het verwijderingsbewijs bij 3.',
  noNewer: 'In de stap zit geen nieuwer controlepunt. Haal de stap opnieuw bij de dienst: die levert er een mee.',
  oneCheckpoint: 'Geef bij 3 één controlepunt: het oudere, waar de stap begint. Het nieuwere zit in de stap.',
  noEd25519:
    'Deze browser kan geen Ed25519-handtekeningen controleren, en dus ook geen bewijs. Gebruik een nieuwere (Chrome of Edge 137, Firefox 130, Safari 17, of later), of de opdracht receipt-verifier.',
  pastedKeys: 'Wat als sleutels is geplakt',
  pastedCheckpoints: 'Wat bij 3 is geplakt',
  keysOfProof: 'De sleutels uit het bewijs zelf',
};
