package auth_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/sockd/sockd/instance/auth"
)

// Every form in which tools write a public key is read. Of a certificate only the key counts: it may be long expired.
func TestFormsOfPEM(t *testing.T) {
	t.Parallel()
	pair := pairs()["RSA"]
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "issuer"}, NotAfter: time.Unix(1, 0)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, pair.Public(), pair)
	if err != nil {
		t.Fatal(err)
	}
	forms := map[string][]byte{
		"PUBLIC KEY":     publicPEM("RSA"),
		"RSA PUBLIC KEY": pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(pair.Public().(*rsa.PublicKey))}),
		"CERTIFICATE":    pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}),
	}
	token := sign(t, "RS256", "RSA", "", `{}`)
	for name, text := range forms {
		o := signedBy("RS256")
		o.PublicKeyPEM = text
		if got := reason(t, compile(t, o, nil), token); got != "" {
			t.Errorf("%s: got %q", name, got)
		}
		o = signedBy("HS256")
		o.Secret = text
		if _, err := auth.New(o, nil); err == nil {
			t.Errorf("%s is taken for a secret", name)
		}
	}
}
