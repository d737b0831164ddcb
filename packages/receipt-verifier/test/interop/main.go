// Checks a log that this package has made with the libraries of Go's checksum database: checkpoints, tiles, roots, proofs.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type proof struct {
	Index, Size, First, Second int64
	Hashes                     []string
}

type tile struct {
	Level, Index int
	Hashes       []string
}

type log struct {
	Verifier               string
	Checkpoints, Entries   []string
	Tiles                  []tile
	Inclusion, Consistency []proof
}

// hashes keeps the hashes of a tree in the order of tlog.
type hashes []tlog.Hash

func (h hashes) ReadHashes(places []int64) ([]tlog.Hash, error) {
	read := make([]tlog.Hash, len(places))
	for i, place := range places {
		read[i] = h[place]
	}
	return read, nil
}

func main() {
	file, err := os.ReadFile(os.Args[1])
	must(err)
	var given log
	must(json.Unmarshal(file, &given))
	must(check(given))

	// A byte more or less anywhere, and it must not hold.
	changed := map[string]func(*log){
		"a checkpoint":           func(l *log) { l.Checkpoints[3] = spoil(l.Checkpoints[3], 30) },
		"a root":                 func(l *log) { l.Checkpoints[5] = spoil(l.Checkpoints[5], 40) },
		"a signature":            func(l *log) { l.Checkpoints[7] = spoil(l.Checkpoints[7], len(l.Checkpoints[7])-20) },
		"the key":                func(l *log) { l.Verifier = spoil(l.Verifier, len(l.Verifier)-10) },
		"an entry":               func(l *log) { l.Entries[77] = spoil(l.Entries[77], 20) },
		"a tile":                 func(l *log) { l.Tiles[2].Hashes[9] = spoil(l.Tiles[2].Hashes[9], 5) },
		"a proof of inclusion":   func(l *log) { l.Inclusion[60].Hashes[1] = spoil(l.Inclusion[60].Hashes[1], 5) },
		"a place":                func(l *log) { l.Inclusion[60].Index++ },
		"a proof of consistency": func(l *log) { l.Consistency[40].Hashes[0] = spoil(l.Consistency[40].Hashes[0], 5) },
	}
	for what, change := range changed {
		var spoiled log
		must(json.Unmarshal(file, &spoiled))
		change(&spoiled)
		if check(spoiled) == nil {
			must(fmt.Errorf("%s was changed, and everything held", what))
		}
	}
	fmt.Printf("go: %d checkpoints, %d entries, %d tiles, %d proofs of inclusion and %d of consistency hold, and none of %d changes\n",
		len(given.Checkpoints), len(given.Entries), len(given.Tiles), len(given.Inclusion), len(given.Consistency), len(changed))
}

func check(given log) error {
	verifier, err := note.NewVerifier(given.Verifier)
	if err != nil {
		return err
	}
	var tree hashes
	for i, entry := range given.Entries {
		more, err := tlog.StoredHashes(int64(i), []byte(entry), tree)
		if err != nil {
			return err
		}
		tree = append(tree, more...)
	}
	roots := map[int64]tlog.Hash{}
	for _, checkpoint := range given.Checkpoints {
		size, root, err := open(checkpoint, verifier)
		if err != nil {
			return err
		}
		if expected, err := tlog.TreeHash(size, tree); err != nil || expected != root {
			return fmt.Errorf("the root at %d is another: %v", size, err)
		}
		roots[size] = root
	}
	for _, one := range given.Tiles {
		if err := checkTile(one, tree); err != nil {
			return err
		}
	}
	for _, one := range given.Inclusion {
		path, err := decode(one.Hashes)
		if err != nil {
			return err
		}
		leaf := tlog.RecordHash([]byte(given.Entries[one.Index]))
		if err := tlog.CheckRecord(path, one.Size, roots[one.Size], one.Index, leaf); err != nil {
			return err
		}
	}
	for _, one := range given.Consistency {
		path, err := decode(one.Hashes)
		if err != nil {
			return err
		}
		if err := tlog.CheckTree(path, one.Second, roots[one.Second], one.First, roots[one.First]); err != nil {
			return err
		}
	}
	return nil
}

func open(checkpoint string, verifier note.Verifier) (int64, tlog.Hash, error) {
	opened, err := note.Open([]byte(checkpoint), note.VerifierList(verifier))
	if err != nil {
		return 0, tlog.Hash{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return 0, tlog.Hash{}, fmt.Errorf("%q is no checkpoint", opened.Text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return 0, tlog.Hash{}, err
	}
	root, err := decode(lines[2:3])
	if err != nil {
		return 0, tlog.Hash{}, err
	}
	return size, root[0], nil
}

func checkTile(one tile, tree hashes) error {
	expected, err := tlog.ReadTileData(tlog.Tile{H: 8, L: one.Level, N: int64(one.Index), W: 256}, tree)
	if err != nil {
		return err
	}
	read, err := decode(one.Hashes)
	if err != nil {
		return err
	}
	var joined []byte
	for _, hash := range read {
		joined = append(joined, hash[:]...)
	}
	if !bytes.Equal(expected, joined) {
		return fmt.Errorf("tile %d/%d is another", one.Level, one.Index)
	}
	return nil
}

func decode(texts []string) ([]tlog.Hash, error) {
	read := make([]tlog.Hash, len(texts))
	for i, text := range texts {
		decoded, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, err
		}
		if copy(read[i][:], decoded) != tlog.HashSize || len(decoded) != tlog.HashSize {
			return nil, fmt.Errorf("%q is no hash", text)
		}
	}
	return read, nil
}

func spoil(text string, at int) string {
	other := "A"
	if text[at] == 'A' {
		other = "B"
	}
	return text[:at] + other + text[at+1:]
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
