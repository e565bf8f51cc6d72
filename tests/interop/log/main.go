// The transparency log seen by code that nobody here wrote: golang.org/x/mod/sumdb reads the signed
// checkpoint, authenticates every tile and every entry against it, and checks our own proofs.
//
//	log DIR VKEY    DIR: checkpoint, tile/..., proofs.json
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func check(err error, what string) {
	if err != nil {
		fmt.Printf("%s: %v\n", what, err)
		os.Exit(1)
	}
}

func require(ok bool, what string) {
	if !ok {
		fmt.Println(what)
		os.Exit(1)
	}
}

type reader struct{ dir string }

func (r reader) Height() int { return 8 }

// sumdb says tile/8/0/000, tlog-tiles says tile/0/000.
func (r reader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, t := range tiles {
		b, err := os.ReadFile(filepath.Join(r.dir, "tile", strings.TrimPrefix(t.Path(), "tile/8/")))
		if err != nil {
			return nil, err
		}
		all = append(all, b)
	}
	return all, nil
}

func (r reader) SaveTiles([]tlog.Tile, [][]byte) {}

type proofs struct {
	Inclusion []struct {
		Index int64    `json:"index"`
		Leaf  string   `json:"leaf_hash"`
		Proof []string `json:"proof"`
		Size  int64    `json:"tree_size"`
		Root  string   `json:"root_hash"`
	} `json:"inclusion"`
	Consistency []struct {
		From  int64    `json:"from"`
		Proof []string `json:"proof"`
		Size  int64    `json:"tree_size"`
		Root  string   `json:"root_hash"`
	} `json:"consistency"`
}

func hash(text string) (h tlog.Hash) {
	b, err := hex.DecodeString(text)
	check(err, "hash")
	require(copy(h[:], b) == 32, "a hash has 32 bytes")
	return h
}

func hashes(list []string) (out []tlog.Hash) {
	for _, s := range list {
		out = append(out, hash(s))
	}
	return out
}

func main() {
	dir := os.Args[1]
	verifier, err := note.NewVerifier(os.Args[2])
	check(err, "verifier key")
	text, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	check(err, "checkpoint")
	opened, err := note.Open(text, note.VerifierList(verifier))
	check(err, "signature")
	lines := strings.Split(opened.Text, "\n")
	require(len(lines) >= 4 && lines[0] == verifier.Name(), "origin")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err, "size")
	root, err := base64.StdEncoding.DecodeString(lines[2])
	check(err, "root")
	tree := tlog.Tree{N: size}
	require(copy(tree.Hash[:], root) == 32, "root")

	hr := tlog.TileHashReader(tree, reader{dir})
	again, err := tlog.TreeHash(size, hr)
	check(err, "tree hash")
	require(again == tree.Hash, "the tiles lead to another root")

	n := int64(0)
	for bundle := int64(0); bundle*256 < size; bundle++ {
		t := tlog.Tile{H: 8, L: 0, N: bundle, W: 256}
		if size-bundle*256 < 256 {
			t.W = int(size - bundle*256)
		}
		b, err := os.ReadFile(filepath.Join(dir, "tile/entries", strings.TrimPrefix(t.Path(), "tile/8/0/")))
		check(err, "entries")
		for r := bytes.NewReader(b); r.Len() > 0; n++ {
			var length uint16
			check(binary.Read(r, binary.BigEndian, &length), "length")
			entry := make([]byte, length)
			_, err := r.Read(entry)
			check(err, "entry")
			stored, err := hr.ReadHashes([]int64{tlog.StoredHashIndex(0, n)})
			check(err, "stored hash")
			require(stored[0] == tlog.RecordHash(entry), "an entry is not its leaf")
			p, err := tlog.ProveRecord(size, n, hr)
			check(err, "prove")
			check(tlog.CheckRecord(p, size, tree.Hash, n, stored[0]), "proof")
		}
	}
	require(n == size, "entries are missing")

	var ours proofs
	b, err := os.ReadFile(filepath.Join(dir, "proofs.json"))
	check(err, "proofs.json")
	check(json.Unmarshal(b, &ours), "proofs.json")
	for _, p := range ours.Inclusion {
		check(tlog.CheckRecord(hashes(p.Proof), p.Size, hash(p.Root), p.Index, hash(p.Leaf)), "our inclusion proof")
		require(tlog.CheckRecord(hashes(p.Proof), p.Size, hash(p.Root), p.Index, hash(p.Root)) != nil, "the check can fail")
	}
	for _, p := range ours.Consistency {
		old, err := tlog.TreeHash(p.From, hr)
		check(err, "old tree")
		check(tlog.CheckTree(hashes(p.Proof), p.Size, hash(p.Root), p.From, old), "our consistency proof")
	}
	fmt.Printf("%d entries, %d inclusion and %d consistency proofs\n", n, len(ours.Inclusion), len(ours.Consistency))
}
