// Command sevguest judges reports with google/go-sev-guest, which shares no code with ours.
//
//	sevguest signature REPORT VCEK            the signature, and the certificate's TCB and chip
//	sevguest attest PRODUCT POLICY AT VCEK ASK ARK REPORT...   everything, under a policy
//
// ASK and ARK may be "-": AMD's own. One line "accept FILE" or "refuse FILE: reason" per report.
package main

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/google/go-sev-guest/abi"
	"github.com/google/go-sev-guest/kds"
	spb "github.com/google/go-sev-guest/proto/sevsnp"
	"github.com/google/go-sev-guest/validate"
	"github.com/google/go-sev-guest/verify"
	"github.com/google/go-sev-guest/verify/trust"
)

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func read(path string) []byte {
	b, err := os.ReadFile(path)
	if err != nil {
		fail(err)
	}
	return b
}

func certificate(path string) *x509.Certificate {
	c, err := x509.ParseCertificate(read(path))
	if err != nil {
		fail(err)
	}
	return c
}

func signature(report []byte, vcek *x509.Certificate) error {
	if err := abi.ValidateReportFormat(report); err != nil {
		return err
	}
	p, err := abi.ReportToProto(report)
	if err != nil {
		return err
	}
	if err := verify.SnpReportSignature(report, vcek); err != nil {
		return err
	}
	ext, err := kds.VcekCertificateExtensions(vcek)
	if err != nil {
		return err
	}
	if uint64(ext.TCBVersion) != p.GetReportedTcb() {
		return fmt.Errorf("TCB of the certificate is %x, of the report %x", ext.TCBVersion, p.GetReportedTcb())
	}
	if !bytes.Equal(ext.HWID, p.GetChipId()) {
		return fmt.Errorf("chip of the certificate is not the report's")
	}
	return nil
}

type suite struct {
	line   string
	policy abi.SnpPolicy
	at     time.Time
	vcek   []byte
	roots  map[string][]*trust.AMDRootCerts
}

func (s *suite) attest(report []byte) error {
	p, err := abi.ReportToProto(report)
	if err != nil {
		return err
	}
	a := &spb.Attestation{Report: p, CertificateChain: &spb.CertificateChain{VcekCert: s.vcek}}
	options := &verify.Options{DisableCertFetching: true, Now: s.at, TrustedRoots: s.roots}
	if p.GetVersion() < 3 {
		product, err := kds.ParseProductLine(s.line)
		if err != nil {
			return err
		}
		options.Product = product
	}
	if s.roots == nil {
		root := trust.DefaultRootCerts[s.line]
		a.CertificateChain.AskCert = root.ProductCerts.Ask.Raw
		a.CertificateChain.ArkCert = root.ProductCerts.Ark.Raw
	} else {
		root := s.roots[s.line][0]
		a.CertificateChain.AskCert = root.ProductCerts.Ask.Raw
		a.CertificateChain.ArkCert = root.ProductCerts.Ark.Raw
	}
	if err := verify.SnpAttestation(a, options); err != nil {
		return err
	}
	vmpl := 0
	return validate.SnpAttestation(a, &validate.Options{GuestPolicy: s.policy, VMPL: &vmpl})
}

func say(file string, err error) {
	if err != nil {
		fmt.Printf("refuse %s: %v\n", file, err)
		return
	}
	fmt.Printf("accept %s\n", file)
}

func main() {
	args := os.Args[1:]
	if len(args) == 3 && args[0] == "signature" {
		say(args[1], signature(read(args[1]), certificate(args[2])))
		return
	}
	if len(args) < 8 || args[0] != "attest" {
		fmt.Fprintln(os.Stderr, "usage: see main.go")
		os.Exit(2)
	}
	policy, err := strconv.ParseUint(args[2], 0, 64)
	if err != nil {
		fail(err)
	}
	s := suite{line: args[1], vcek: read(args[4])}
	if s.policy, err = abi.ParseSnpPolicy(policy); err != nil {
		fail(err)
	}
	if s.at, err = time.Parse(time.RFC3339, args[3]); err != nil {
		fail(err)
	}
	if args[5] != "-" {
		s.roots = map[string][]*trust.AMDRootCerts{s.line: {{
			Product: s.line, ProductLine: s.line,
			ProductCerts: &trust.ProductCerts{Ask: certificate(args[5]), Ark: certificate(args[6])},
		}}}
	}
	for _, file := range args[7:] {
		say(file, s.attest(read(file)))
	}
}
