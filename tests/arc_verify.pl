# What Mail::DKIM, which shares no code with mailstack, says of the ARC chain of the message on
# standard input: result and detail. Arguments are NAME=RECORD, the TXT records that there are.
# Run by tests/arc.py.

use strict;
use warnings;

use Mail::DKIM::ARC::Verifier;
use Mail::DKIM::DNS;

my %records = map { split /=/, $_, 2 } @ARGV;

{
    package Played;
    use Net::DNS;
    sub errorstring { return 'NOERROR' }
    sub send {
        my ($self, $name, $type) = @_;
        my $reply = Net::DNS::Packet->new($name, $type);
        my $text = $records{$name};
        $reply->header->rcode(defined $text ? 'NOERROR' : 'NXDOMAIN');
        $reply->push(answer => Net::DNS::RR->new(
            name => $name, type => 'TXT', ttl => 60, txtdata => [unpack '(a200)*', $text],
        )) if defined $text;
        return $reply;
    }
}

Mail::DKIM::DNS::resolver(bless {}, 'Played');
my $verifier = Mail::DKIM::ARC::Verifier->new();
binmode STDIN;
while (my $octets = <STDIN>) {
    $verifier->PRINT($octets);
}
$verifier->CLOSE;
print $verifier->result, "\n", $verifier->result_detail, "\n";
